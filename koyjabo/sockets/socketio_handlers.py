"""Handlers for Socket.IO events in the namespace `/` (specification: Real time)."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from typing import Any

from flask import current_app, request
from flask_socketio import ConnectionRefusedError as Refused, emit

from koyjabo.base.core.close_codes import ABUSE, NORMAL_CLOSE, close_code
from koyjabo.base.core.errors import InvalidMessage, KoyJaboError, TooManyRequests
from koyjabo.base.core.extensions import socketio
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.base.observability.socket_log import NO_COMMUNITY_TEXT, SocketLog
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime import events
from koyjabo.realtime.services import RealtimeServices
from koyjabo.web.current import services_of
from .joined_rooms import JoinedRooms
from .messages import MAX_ERRORS, VisibleMessage, is_true, unknown, visit_id
from .site_admission import admit, send_stats, show
from .site_part import SitePart
from .site_parts import SITE_PARTS

log = logging.getLogger(__name__)


ANY_EVENT = "*"
ERRORS_KEY = "errors"
CLIENT_DISCONNECT = "client disconnect"
SOCKETIO_KIND, ABNORMAL_CLOSURE = "socketio", 1006
ROOMS_EXTENSION = "koyjabo.joined_rooms"


def register() -> None:
    """Register the handlers for `/`, except for events that the host application already handles."""
    ours = {"connect": connect, "disconnect": disconnect, **message_handlers(), ANY_EVENT: refuse_unknown}
    theirs = {message for message, _, namespace in socketio.handlers if namespace == "/"}
    for message, handler in ours.items():
        if message not in theirs:
            socketio.on_event(message, handler)
    if socketio.default_exception_handler is None:
        socketio.on_error_default(failed)


def message_handlers() -> dict[str, Callable[..., dict[str, Any]]]:
    """The handlers of clients' messages, by type."""
    own = {"ping": ping, "request_count": request_count, "join": join, "leave": leave, "visible": visible}
    return own | {name: _handler_of(part) for name, part in SITE_PARTS.items()}


def connect(auth: Any = None) -> None:
    """Admit a client to the room `stats`. The first event includes the effect of connecting."""
    services, sent = _services(), auth if isinstance(auth, dict) else {}
    services.start()
    _joined_rooms().connected(_sid(), sent.get("token"))
    try:
        is_said = is_true(sent.get("anonymous")) or is_true(request.args.get("anonymous"))
        sent_id, sent_visit = sent.get("visitorId") or request.args.get("visitorId"), None
        with suppress(InvalidMessage):  # an invalid visitId is treated as missing, like an invalid visitorId
            sent_visit = visit_id(sent.get("visitId"))
        engine_sid = socketio.server.manager.eio_sid_from_sid(_sid(), "/")
        client = socketio.server.eio.sockets.get(engine_sid)  # knows when it was last heard from
        is_admitted = admit(services, _sid(), client, request, (sent_id, sent_visit), is_said)
    except TooManyRequests as error:
        code = close_code(error)
        _socket_log().refused(SOCKETIO_KIND, _address(), NO_COMMUNITY_TEXT, code, error.code)
        services[RealtimeServices].fanout.disconnect_client(_sid(), code, str(error))
        return
    if not is_admitted:
        disconnect()  # the client disconnected before it was admitted
        return
    _joined_rooms().admit(_sid())
    who = services[VisitorSockets].visitor_of(_sid())
    _socket_log().opened(SOCKETIO_KIND, _address(), who=who)


def disconnect(reason: str = "") -> None:
    services, sid = _services(), _sid()
    if (lasted_s := _joined_rooms().lasted_s(sid)) is not None:
        code = NORMAL_CLOSE if reason == CLIENT_DISCONNECT else ABNORMAL_CLOSURE
        who = services[VisitorSockets].visitor_of(sid)
        _socket_log().closed(SOCKETIO_KIND, _address(), code, lasted_s, who=who)
    services[AttendanceWriter].open_pages.closed(sid)
    for part in SITE_PARTS.values():
        part.leave(services, sid)
    services[VisitorSockets].closed(sid)
    _joined_rooms().disconnected(sid, clean=reason == CLIENT_DISCONNECT)


def acknowledged(handle: Callable[[Any], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Acknowledge events with the result of the handler with the same name, or with the error if a message is
    invalid.
    """

    @wraps(handle)
    def handler(message: Any = None, *_: Any) -> dict[str, Any]:
        _socket_log().received(handle.__name__)
        try:
            return {"ok": True, **handle(message)}
        except InvalidMessage as error:
            return _refuse(error)

    return handler


@acknowledged
def ping(message: Any) -> dict[str, Any]:
    pong = events.pong(_services().clock.now_ms())
    emit("pong", pong)
    return pong


@acknowledged
def request_count(message: Any) -> dict[str, Any]:
    """Send the site's stats, or the value of the community room that the message names."""
    if not isinstance(message, dict) or "communityId" not in message:
        return send_stats(_services(), _sid())
    return _joined_rooms().send_present(_sid(), message)


@acknowledged
def join(message: Any) -> dict[str, Any]:
    """Join a community room. If this is refused, the acknowledgement contains the close code that a plain WebSocket
    would receive.
    """
    try:
        return _joined_rooms().join(_sid(), message, request)
    except InvalidMessage:
        raise
    except KoyJaboError as error:
        named, code = message["communityId"], close_code(error)
        community = _services()[CommunityServices].refs.known(named) or uuid_of(named) or NO_COMMUNITY_TEXT
        _socket_log().refused(SOCKETIO_KIND, _address(), community, code, error.code)
        return {"ok": False, "error": str(error), "code": code}


@acknowledged
def leave(message: Any) -> dict[str, Any]:
    _joined_rooms().leave(_sid(), message)
    return {}


@acknowledged
def visible(message: Any) -> dict[str, Any]:
    """Record that the page was shown or hidden, or that there was user input."""
    show(_services(), _sid(), VisibleMessage.of(message))
    return {}


def _handler_of(part: SitePart) -> Callable[..., dict[str, Any]]:
    """The handler for the messages of another feature. It acknowledges them with what was sent."""

    def handle(message: Any) -> dict[str, Any]:
        parsed = part.parse(message)
        is_open = partial(socketio.server.manager.is_connected, _sid(), "/")
        try:
            return part.respond(_services(), _sid(), parsed, _address(), is_open)
        except InvalidMessage:
            raise
        except KoyJaboError as error:
            return {"ok": False, "error": str(error), "code": error.code}

    handle.__name__ = part.type
    return acknowledged(handle)


def refuse_unknown(event: str, *_: Any) -> dict[str, Any]:
    """Refuse an event that has no handler."""
    _socket_log().received(event)
    return _refuse(unknown(event, message_handlers()))


def failed(error: Exception) -> dict[str, Any]:
    """The acknowledgement for a failed handler. A failed `connect` refuses the client. Re-raises `error` if the client
    has disconnected, because nothing can be sent to it.
    """
    if not socketio.server.manager.is_connected(request.sid, "/"):  # type: ignore[attr-defined]
        raise error
    event = request.event["message"]  # type: ignore[attr-defined]
    log.error("socketio_failed kind=%s event=%.20r", type(error).__name__, event, exc_info=error)
    if event == "connect":
        raise Refused(KoyJaboError.sentence)
    return {"ok": False, "error": KoyJaboError.sentence, "code": KoyJaboError.code}


def _refuse(error: InvalidMessage) -> dict[str, Any]:
    emit("error", events.error(str(error), error.code))
    with suppress(KeyError):  # the client has disconnected
        # In the client's Engine.IO session, so that reconnecting to the namespace does not reset the number.
        session: dict[str, int] = socketio.server.get_session(_sid())
        session[ERRORS_KEY] = session.get(ERRORS_KEY, 0) + 1
        if session[ERRORS_KEY] >= MAX_ERRORS:
            _services()[RealtimeServices].fanout.disconnect_client(_sid(), ABUSE, "too many invalid messages")
    return {"ok": False, "error": str(error), "code": error.code}


def _joined_rooms() -> JoinedRooms:
    extensions = current_app.extensions
    rooms: JoinedRooms = extensions.get(ROOMS_EXTENSION) or extensions.setdefault(
        ROOMS_EXTENSION, JoinedRooms(_services())
    )
    return rooms


def _services() -> Services:
    return services_of(current_app)


def _socket_log() -> SocketLog:
    return _services()[ObservabilityServices].socket_log


def _address() -> str:
    return client_address.limit_key(request.environ)


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]
