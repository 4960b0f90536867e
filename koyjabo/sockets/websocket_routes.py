"""Routes for plain WebSockets. The site's stream is at `/`, like the home page (specification: Real time)."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Flask, Request, Response, current_app, request

from koyjabo.base.core.errors import NoWebSockets
from koyjabo.base.core.registry import Registry
from koyjabo.base.core.services import Services
from koyjabo.web.current import services_of
from .credentials import sub_protocols
from .event_streams import COMMUNITY_STREAM, SITE_STREAM, CommunityEvents, SiteEvents
from .permitted_streams import CommunityStream
from .site_stream import StatsStream
from .stream import Stream

bp = Blueprint("sockets", __name__)

STREAMS_EXTENSION = "koyjabo.streams"
STATS_STREAM = "stats"


STREAM_FACTORIES: Registry[str, Callable[[Services], Stream]] = Registry(
    {
        STATS_STREAM: StatsStream,
        "visitors": partial(CommunityStream, room="visitors"),
        "visitor_dashboard": partial(CommunityStream, room="visitor_dashboard"),
        SITE_STREAM: SiteEvents,
        COMMUNITY_STREAM: CommunityEvents,
    }
)
"""Functions that build the owner of all connections on one path, by name. Features fill it."""


@bp.route("/", websocket=True)
def stats_stream() -> Response:
    """Send every change to the site's stats. The first event already counts this socket."""
    return open_here(STATS_STREAM)


@bp.route("/ws/communities/<community_id>/visitors/", websocket=True)
def visitors_stream(community_id: str) -> Response:
    """Send how many members of a community are online. The first event includes the client itself. If the community's
    numbers are public, anyone may connect.
    """
    return open_here("visitors", sub_protocols(request).accepted)


@bp.route("/ws/communities/<community_id>/visitor-dashboard/", websocket=True)
def dashboard_stream(community_id: str) -> Response:
    """Send moderators a community's dashboard: today's visitors and who is online. Watching it does not make them count
    as online.
    """
    return open_here("visitor_dashboard", sub_protocols(request).accepted)


def open_here(name: str, protocol: str | None = None) -> Response:
    """Respond to the handshake of the current request."""
    open_stream(current_app._get_current_object(), name, request, protocol)  # type: ignore[attr-defined]
    return Response()


def open_stream(app: Flask, name: str, request: Request, protocol: str | None = None) -> None:
    """Respond to a handshake. Raises NoWebSockets, BadHandshake, UnsupportedWebSocket."""
    websockets = request.environ.get("koyjabo.websockets")
    if websockets is None:
        raise NoWebSockets
    stream_of(app, name).open(websockets, request, protocol)


def stream_of(app: Flask, name: str) -> Stream:
    """The owner of all connections on one path, by its name in STREAM_FACTORIES."""
    streams: dict[str, Stream] = app.extensions.setdefault(STREAMS_EXTENSION, {})
    if name not in streams:
        streams[name] = STREAM_FACTORIES[name](services_of(app))
    return streams[name]
