"""What Socket.IO clients may say in the namespace `/` (SPEC: Real time)."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_socketio import emit

from koyjabo.errors import InvalidMessage, KoyJaboError
from koyjabo.events import ABUSE, Error, Pong
from koyjabo.extensions import socketio
from koyjabo.services import Services
from koyjabo.sockets.arrival import tell, welcome
from koyjabo.sockets.errors import close_code
from koyjabo.sockets.memberships import Memberships
from koyjabo.sockets.messages import MOST_ERRORS, unknown

ANYTHING = "*"
ERRORS = "errors"
GOODBYE = "client disconnect"
EXTENSION = "koyjabo.memberships"


def register() -> None:
    """Say what `/` understands. Where an application has a handler of its own already, that one stays."""
    ours = {
        "connect": connect,
        "disconnect": disconnect,
        "ping": ping,
        "request_count": request_count,
        "join": join,
        "leave": leave,
        ANYTHING: anything,
    }
    theirs = {message for message, _, namespace in socketio.handlers if namespace == "/"}
    for message, handler in ours.items():
        if message not in theirs:
            socketio.on_event(message, handler)


def connect(auth: Any = None) -> None:
    """Into the room `stats`; the first event holds what connecting changed."""
    services, said = _services(), auth if isinstance(auth, dict) else {}
    services.start()
    _memberships().connected(_sid(), said.get("token"))
    if not welcome(services, _sid(), request, said.get("visitorId") or request.args.get("visitorId")):
        disconnect()  # it went while we asked


def disconnect(reason: str = "") -> None:
    _services().pairing.closed(_sid())
    _memberships().disconnected(_sid(), clean=reason == GOODBYE)


def ping(*_: Any) -> dict[str, Any]:
    pong = Pong(_services().clock.now_ms()).as_object()
    emit("pong", pong)
    return {"ok": True, **pong}


def request_count(said: Any = None, *_: Any) -> dict[str, Any]:
    """The numbers of the site, or of the room of a community that is named."""
    if not isinstance(said, dict) or "communityId" not in said:
        return {"ok": True, **tell(_services(), _sid())}
    try:
        return {"ok": True, **_memberships().tell(_sid(), said)}
    except InvalidMessage as error:
        return _refuse(error)


def join(said: Any = None, *_: Any) -> dict[str, Any]:
    """Into a room of a community; the acknowledgement of a refusal has the code that would close a plain socket."""
    try:
        return {"ok": True, **_memberships().join(_sid(), said, request)}
    except InvalidMessage as error:
        return _refuse(error)
    except KoyJaboError as error:
        return {"ok": False, "error": str(error), "code": close_code(error)}


def leave(said: Any = None, *_: Any) -> dict[str, Any]:
    try:
        _memberships().leave(_sid(), said)
    except InvalidMessage as error:
        return _refuse(error)
    return {"ok": True}


def anything(event: str, *_: Any) -> dict[str, Any]:
    """An event there is no handler for."""
    return _refuse(unknown(event))


def _refuse(error: InvalidMessage) -> dict[str, Any]:
    emit("error", Error(str(error), error.code).as_object())
    if _count_error() >= MOST_ERRORS:
        _services().rooms.expel(_sid(), ABUSE, "too many messages that are none")
    return {"ok": False, "error": str(error), "code": error.code}


def _count_error() -> int:
    """How many there were. In the client's own session, which goes when it goes, and not when it connects anew."""
    try:
        session = socketio.server.get_session(_sid())
    except KeyError:  # it is gone
        return 0
    session[ERRORS] = session.get(ERRORS, 0) + 1
    return session[ERRORS]


def _memberships() -> Memberships:
    found = current_app.extensions.get(EXTENSION)
    return found or current_app.extensions.setdefault(EXTENSION, Memberships(_services()))


def _services() -> Services:
    return Services.of(current_app)


def _sid() -> str:
    return request.sid  # type: ignore[attr-defined]
