"""Handlers of Socket.IO events in the namespace `/` (specification: Real time)."""

from __future__ import annotations

import logging
from typing import Any

from flask import current_app, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import emit

from koyjabo.communities.services import CommunityServices
from koyjabo.core.close_codes import ABUSE, NORMAL, close_code
from koyjabo.core.errors import KoyJaboError, TooManyRequests
from koyjabo.core.extensions import socketio
from koyjabo.core.identity import uuid_of
from koyjabo.core.services import Services
from koyjabo.core.socket_errors import InvalidMessage
from koyjabo.network import client_address
from koyjabo.observability.services import ObservabilityServices
from koyjabo.observability.socket_log import NOWHERE
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import Error, Pong
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets.joined_rooms import JoinedRooms
from koyjabo.sockets.messages import MOST_ERRORS, is_true, unknown
from koyjabo.sockets.site_stream import admit, send_stats
from koyjabo.webkit.current import services_of

log = logging.getLogger(__name__)

ANY_EVENT = "*"
ERRORS = "errors"
CLIENT_DISCONNECT = "client disconnect"
KIND, LOST = "socketio", 1006
EXTENSION = "koyjabo.joined_rooms"


def register() -> None:
    """Register the handlers of `/`, except for events that the host application handles already."""
    ours = {
        "connect": connect,
        "disconnect": disconnect,
        "ping": ping,
        "request_count": request_count,
        "join": join,
        "leave": leave,
        ANY_EVENT: refuse_unknown,
    }
    theirs = {message for message, _, namespace in socketio.handlers if namespace == "/"}
    for message, handler in ours.items():
        if message not in theirs:
            socketio.on_event(message, handler)
    if socketio.default_exception_handler is None:
        socketio.on_error_default(failed)


def connect(auth: Any = None) -> None:
    """Admit a client to the room `stats`. The first event includes the effect of connecting."""
    services, sent = _services(), auth if isinstance(auth, dict) else {}
    services.start()
    _joined_rooms().connected(_sid(), sent.get("token"))
    try:
        is_said = is_true(sent.get("anonymous")) or is_true(request.args.get("anonymous"))
        sent_id = sent.get("visitorId") or request.args.get("visitorId")
        is_admitted = admit(services, _sid(), request, sent_id, is_said)
    except TooManyRequests as error:
        _refuse_client(error)
        return
    if not is_admitted:
        disconnect()  # the client disconnected before it was admitted
        return
    _joined_rooms().admit(_sid())
    who = services[PresenceServices].visitor_sockets.visitor_of(_sid())
    services[ObservabilityServices].socket_log.opened(KIND, _address(), who=who)


def disconnect(reason: str = "") -> None:
    services, sid = _services(), _sid()
    if (lasted_s := _joined_rooms().lasted_s(sid)) is not None:
        code = NORMAL if reason == CLIENT_DISCONNECT else LOST
        who = services[PresenceServices].visitor_sockets.visitor_of(sid)
        services[ObservabilityServices].socket_log.closed(KIND, _address(), code, lasted_s, who=who)
    services[PresenceServices].visitor_sockets.closed(sid)
    _joined_rooms().disconnected(sid, clean=reason == CLIENT_DISCONNECT)


def ping(*_: Any) -> dict[str, Any]:
    _services()[ObservabilityServices].socket_log.received("ping")
    pong = Pong(_services().clock.now_ms()).as_object()
    emit("pong", pong)
    return {"ok": True, **pong}


def request_count(message: Any = None, *_: Any) -> dict[str, Any]:
    """Send the statistics of the site, or the value of the community room in the message."""
    _services()[ObservabilityServices].socket_log.received("request_count")
    if not isinstance(message, dict) or "communityId" not in message:
        return {"ok": True, **send_stats(_services(), _sid())}
    try:
        return {"ok": True, **_joined_rooms().send_present(_sid(), message)}
    except InvalidMessage as error:
        return _refuse(error)


def join(message: Any = None, *_: Any) -> dict[str, Any]:
    """Join a community room. A refusal is acknowledged with the close code of a plain WebSocket."""
    _services()[ObservabilityServices].socket_log.received("join")
    try:
        return {"ok": True, **_joined_rooms().join(_sid(), message, request)}
    except InvalidMessage as error:
        return _refuse(error)
    except KoyJaboError as error:
        named = message["communityId"]
        community = _services()[CommunityServices].refs.known(named) or uuid_of(named) or NOWHERE
        _services()[ObservabilityServices].socket_log.refused(
            KIND, _address(), community, close_code(error), error.code
        )
        return {"ok": False, "error": str(error), "code": close_code(error)}


def leave(message: Any = None, *_: Any) -> dict[str, Any]:
    _services()[ObservabilityServices].socket_log.received("leave")
    try:
        _joined_rooms().leave(_sid(), message)
    except InvalidMessage as error:
        return _refuse(error)
    return {"ok": True}


def refuse_unknown(event: str, *_: Any) -> dict[str, Any]:
    """Refuse an event without a handler."""
    _services()[ObservabilityServices].socket_log.received(event)
    return _refuse(unknown(event))


def failed(error: Exception) -> dict[str, Any]:
    """Return the acknowledgement of a failed handler. A failed `connect` refuses the client. Raises `error` again if
    the client has disconnected, because nothing can be sent to it.
    """
    if not socketio.server.manager.is_connected(request.sid, "/"):  # type: ignore[attr-defined]
        raise error
    event = request.event["message"]  # type: ignore[attr-defined]
    log.error("socketio_failed kind=%s event=%.20r", type(error).__name__, event, exc_info=error)
    if event == "connect":
        raise Refused(KoyJaboError.sentence)
    return {"ok": False, "error": KoyJaboError.sentence, "code": KoyJaboError.code}


def _refuse_client(error: TooManyRequests) -> None:
    code = close_code(error)
    _services()[ObservabilityServices].socket_log.refused(KIND, _address(), NOWHERE, code, error.code)
    _services()[RealtimeServices].rooms.disconnect(_sid(), code, str(error))


def _refuse(error: InvalidMessage) -> dict[str, Any]:
    emit("error", Error(str(error), error.code).as_object())
    if _count_error() >= MOST_ERRORS:
        _services()[RealtimeServices].rooms.disconnect(_sid(), ABUSE, "too many invalid messages")
    return {"ok": False, "error": str(error), "code": error.code}


def _count_error() -> int:
    """Count an error of the client and return their number. The client's Engine.IO session keeps it across a reconnect
    to the namespace.
    """
    try:
        session: dict[str, int] = socketio.server.get_session(_sid())
    except KeyError:  # it has disconnected
        return 0
    session[ERRORS] = session.get(ERRORS, 0) + 1
    return session[ERRORS]


def _joined_rooms() -> JoinedRooms:
    extensions = current_app.extensions
    rooms: JoinedRooms = extensions.get(EXTENSION) or extensions.setdefault(EXTENSION, JoinedRooms(_services()))
    return rooms


def _services() -> Services:
    return services_of(current_app)


def _address() -> str:
    return client_address.limit_key(request.environ)


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]
