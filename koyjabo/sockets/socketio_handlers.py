"""Handlers for Socket.IO events in the namespace `/` (specification: Real time)."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, NamedTuple

from flask import Request, current_app, request
from flask_socketio import ConnectionRefusedError as Refused, emit

from koyjabo.base.core.errors import ABUSE, NORMAL, InvalidMessage, KoyJaboError, TooManyRequests, close_code
from koyjabo.base.core.extensions import socketio
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.base.observability.socket_log import NOWHERE, SocketLog
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime import events
from koyjabo.realtime.services import RealtimeServices
from koyjabo.web.current import services_of
from .credentials import KINDS, identify, participant_for
from .messages import MAX_ERRORS, VisibleMessage, is_true, unknown, visit_id, watched_paths
from .routes import admit, send_stats, show, watch_paths

MAX_ROOMS = 50
"""Maximum number of community rooms per client."""

DISCONNECTED = "The client disconnected before it was admitted."


class RequestedRoom(NamedTuple):
    """A community room. It is the same room whether the community is named by its id or its external id."""

    room: str
    community_id: str

    @classmethod
    def of(cls, message: Any, resolve: Callable[[str], str]) -> "RequestedRoom":
        """Parse a message's `room` and `communityId` (an id or external id). Raises InvalidMessage,
        LedgerUnavailable.
        """
        fields = message if isinstance(message, dict) else {}
        room, community_id = fields.get("room"), fields.get("communityId")
        if not isinstance(room, str) or room not in KINDS or not isinstance(community_id, str):
            raise InvalidMessage(f'Send {{"room": {" or ".join(map(repr, KINDS))}, "communityId": "…"}}.')
        return cls(room, resolve(community_id).lower())


class Client:
    """A Socket.IO client. Its lock makes joins and leaves run one at a time."""

    def __init__(self) -> None:
        self.born = time.monotonic()
        self.participants: dict[RequestedRoom, Participant] = {}
        self.named: dict[str, str] = {}  # ids of the communities it joined, by the id or external id that it sent
        self.lock = threading.Lock()
        self.token: str | None = None  # sent in `auth` when it connected
        self.is_admitted = False
        self.admitted_by: str | None = None  # id of the refresh token that admitted it


class JoinedRooms:
    """The community rooms that each Socket.IO client on this worker has joined."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clients: dict[str, Client] = {}

    def connected(self, sid: str, token: object) -> None:
        client = self._clients[sid] = Client()
        client.token = token if isinstance(token, str) else None

    def admit(self, sid: str) -> None:
        """Mark a client as admitted. Clients that are refused, or that disconnect first, are not counted."""
        if client := self._clients.get(sid):
            client.is_admitted = True

    def lasted_s(self, sid: str) -> float | None:
        """How long an admitted client has been connected, s; None for other clients."""
        client = self._clients.get(sid)
        return time.monotonic() - client.born if client and client.is_admitted else None

    def disconnected(self, sid: str, clean: bool) -> None:
        client = self._clients.pop(sid, None)
        for participant in list(client.participants.values()) if client else []:
            self._services[CommunityServices].rooms.leave(participant, clean)

    def join(self, sid: str, message: Any, request: Request) -> dict[str, Any]:
        """Admit a client to a room, send it the current value, and return that value. Idempotent. A watcher is admitted
        again, because they may have become a member. Raises InvalidMessage, and the errors that `close_code` knows.
        """
        requested = RequestedRoom.of(message, self._services[CommunityServices].refs.resolve)
        with self._client(sid) as client:
            if (watcher := client.participants.get(requested)) and watcher.is_watcher:
                self._services[CommunityServices].rooms.leave(client.participants.pop(requested))
            value = self._present(client, requested)
            if value is None:
                if len(client.participants) >= MAX_ROOMS:
                    raise InvalidMessage(f"A client may be in at most {MAX_ROOMS} community rooms; leave one first.")
                token = message.get("token")
                token = token if isinstance(token, str) and token else client.token
                claims = identify(self._services, request, token, client.admitted_by)
                kind, end = KINDS[requested.room], partial(self._end, sid, requested, message["communityId"])
                participant = participant_for(kind, sid, claims, requested.community_id, end, client.admitted_by)
                client.participants[requested] = participant
                try:
                    value = self._services[CommunityServices].rooms.join(participant)
                finally:
                    if value is None:
                        client.participants.pop(requested, None)
                if value is None:
                    raise InvalidMessage(DISCONNECTED)
                client.named[message["communityId"]] = requested.community_id
                client.admitted_by = participant.refresh_id or client.admitted_by
            return value

    def leave(self, sid: str, message: Any) -> None:
        """Leave a room at once. Does nothing if the client is not in it. Raises InvalidMessage."""
        with self._client(sid) as client:
            requested = self._joined(client, message)
            participant = client.participants.pop(requested, None)
            client.named.pop(message["communityId"], None)
            if participant is not None:
                self._services[CommunityServices].rooms.leave(participant)

    def send_present(self, sid: str, message: Any) -> dict[str, Any]:
        """Send the client a room's current value, and return it. Raises InvalidMessage if the client is not in the
        room.
        """
        with self._client(sid) as client:
            requested = self._joined(client, message)
            value = self._present(client, requested)
        if value is None:
            raise InvalidMessage("Join that room first.")
        return value

    def _present(self, client: Client, requested: RequestedRoom) -> dict[str, Any] | None:
        participant = client.participants.get(requested)
        return self._services[CommunityServices].rooms.send_present(participant) if participant is not None else None

    @contextmanager
    def _client(self, sid: str) -> Iterator[Client]:
        """Lock a client. Raises InvalidMessage if it has disconnected, or disconnects while this waits for the lock."""
        client = self._clients.get(sid)
        if client is None:
            raise InvalidMessage(DISCONNECTED)
        with client.lock:
            if self._clients.get(sid) is not client:
                raise InvalidMessage(DISCONNECTED)
            yield client

    def _joined(self, client: Client, message: Any) -> RequestedRoom:
        """The room named in a message, whether or not the client has joined it. Does not read the database. Raises
        InvalidMessage.
        """
        known = self._services[CommunityServices].refs.known
        return RequestedRoom.of(message, lambda text: client.named.get(text) or known(text) or text)

    def _end(self, sid: str, requested: RequestedRoom, named: str, problem: KoyJaboError) -> None:
        """Remove the client from a room. `named` is the id or external id that the client used to join."""
        client = self._clients.get(sid)
        if client is not None:
            if (participant := client.participants.get(requested)) and not participant.is_taken:
                del client.participants[requested]
            event = events.kicked(requested.room, named, close_code(problem))
            self._services[RealtimeServices].rooms.send_to(sid, event)


log = logging.getLogger(__name__)

ANY_EVENT = "*"
ERRORS = "errors"
CLIENT_DISCONNECT = "client disconnect"
KIND, LOST = "socketio", 1006
EXTENSION = "koyjabo.joined_rooms"


def register() -> None:
    """Register the handlers for `/`, except for events that the host application already handles."""
    ours = {
        "connect": connect,
        "disconnect": disconnect,
        "ping": ping,
        "request_count": request_count,
        "join": join,
        "leave": leave,
        "visible": visible,
        "pages": pages,
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
        sent_id, sent_visit = sent.get("visitorId") or request.args.get("visitorId"), None
        with suppress(InvalidMessage):  # an invalid visitId is treated as missing, like an invalid visitorId
            sent_visit = visit_id(sent.get("visitId"))
        engine_sid = socketio.server.manager.eio_sid_from_sid(_sid(), "/")
        client = socketio.server.eio.sockets.get(engine_sid)  # knows when it was last heard from
        is_admitted = admit(services, _sid(), client, request, (sent_id, sent_visit), is_said)
    except TooManyRequests as error:
        code = close_code(error)
        _socket_log().refused(KIND, _address(), NOWHERE, code, error.code)
        services[RealtimeServices].fanout.disconnect_client(_sid(), code, str(error))
        return
    if not is_admitted:
        disconnect()  # the client disconnected before it was admitted
        return
    _joined_rooms().admit(_sid())
    who = services[PresenceServices].visitor_sockets.visitor_of(_sid())
    _socket_log().opened(KIND, _address(), who=who)


def disconnect(reason: str = "") -> None:
    services, sid = _services(), _sid()
    if (lasted_s := _joined_rooms().lasted_s(sid)) is not None:
        code = NORMAL if reason == CLIENT_DISCONNECT else LOST
        who = services[PresenceServices].visitor_sockets.visitor_of(sid)
        _socket_log().closed(KIND, _address(), code, lasted_s, who=who)
    services[AttendanceWriter].pages.closed(sid)
    services[RealtimeServices].pages.leave(sid)
    services[PresenceServices].visitor_sockets.closed(sid)
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
        community = _services()[CommunityServices].refs.known(named) or uuid_of(named) or NOWHERE
        _socket_log().refused(KIND, _address(), community, code, error.code)
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


@acknowledged
def pages(message: Any) -> dict[str, Any]:
    """Watch the numbers of pages. Sends their numbers, and acknowledges with them."""
    sent, adds = watched_paths(message if isinstance(message, dict) else {"paths": message})
    is_open = partial(socketio.server.manager.is_connected, _sid(), "/")
    try:
        return watch_paths(_services(), _sid(), sent, adds, _address(), is_open)
    except InvalidMessage:
        raise
    except KoyJaboError as error:
        return {"ok": False, "error": str(error), "code": error.code}


def refuse_unknown(event: str, *_: Any) -> dict[str, Any]:
    """Refuse an event that has no handler."""
    _socket_log().received(event)
    return _refuse(unknown(event))


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
        session[ERRORS] = session.get(ERRORS, 0) + 1
        if session[ERRORS] >= MAX_ERRORS:
            _services()[RealtimeServices].fanout.disconnect_client(_sid(), ABUSE, "too many invalid messages")
    return {"ok": False, "error": str(error), "code": error.code}


def _joined_rooms() -> JoinedRooms:
    extensions = current_app.extensions
    rooms: JoinedRooms = extensions.get(EXTENSION) or extensions.setdefault(EXTENSION, JoinedRooms(_services()))
    return rooms


def _services() -> Services:
    return services_of(current_app)


def _socket_log() -> SocketLog:
    return _services()[ObservabilityServices].socket_log


def _address() -> str:
    return client_address.limit_key(request.environ)


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]
