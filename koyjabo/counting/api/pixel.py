"""GET /v.gif: an image that counts a visit, for pages and readers without scripts."""

from __future__ import annotations

from flask import Blueprint, Response, request

from koyjabo.core.sanitize import truncate
from koyjabo.core.urls import page_path
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.counting.ui.requests import within_budget
from koyjabo.network import campaigns, languages
from koyjabo.network.client_address import neighbourhood
from koyjabo.network.services import NetworkServices
from koyjabo.network.user_agents import is_bot
from koyjabo.webkit.current import current
from koyjabo.webkit.lanes.request_context import FlaskContext
from koyjabo.webkit.openapi.describe import Image, describe

bp = Blueprint("pixel", __name__)

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One transparent pixel."""

PREFETCHES = ("Sec-Purpose", "Purpose", "X-Moz")


@bp.get("/v.gif")
@describe(
    "Count a visit without a script",
    {
        200: Image("a GIF of one transparent pixel"),
        429: "too many from this address, or of this visitor; nothing was counted; see Retry-After",
        503: "nothing could be committed, so nothing was counted; see Retry-After",
    },
    query={"page": "path of the page that shows the image"},
)
def pixel() -> Response:
    """Count an anonymous visit. The visitor is a hash of network and User-Agent, which changes every day.

    HEAD and prefetches count nothing.
    """
    if request.method == "GET" and not any(_is_prefetch(name) for name in PREFETCHES):
        _count()
    return Response(PIXEL, mimetype="image/gif", headers={"Cache-Control": "no-store"})


def _is_prefetch(header: str) -> bool:
    return request.headers.get(header, "").lower().startswith(("prefetch", "prerender", "preview"))


def _count() -> None:
    context, services = FlaskContext(), current()
    context.count_address("registrations")
    address, user_agent = request.remote_addr, truncate(request.headers.get("User-Agent", ""))
    page = request.args.get("page")
    visit = services[CountingServices].anonymity.visit(
        NewVisit(
            visitor_id=f"{neighbourhood(address or '')}\n{user_agent}",
            visit_id=None,
            place=services[NetworkServices].places.locate(address, has_city=False),
            at_ms=services.clock.now_ms(),
            user_agent=user_agent,
            page=page_path(page),
            is_bot=is_bot(user_agent),
            language=languages.first_of(request.headers.get("Accept-Language")),
            campaign=campaigns.of_page(page),
        )
    )
    context.count_visitor("visits", visit.visitor_id)
    services[CountingServices].visits.register(within_budget(context, visit))
