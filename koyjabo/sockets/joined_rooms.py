"""The community rooms that Socket.IO clients join and leave (specification: Real time)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from flask import Request

from koyjabo.base.core.close_codes import close_code
from koyjabo.base.core.errors import InvalidMessage, KoyJaboError
from koyjabo.base.core.services import Services
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.services import CommunityServices
from koyjabo.realtime import events
from koyjabo.realtime.services import RealtimeServices
from .credentials import identify
from .room_kinds import ROOM_KINDS, participant_for

MAX_ROOMS = 50
"""Maximum number of community rooms per client."""

CLIENT_DISCONNECTED = "The client disconnected before it was admitted."


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
        if not isinstance(room, str) or room not in ROOM_KINDS or not isinstance(community_id, str):
            raise InvalidMessage(f'Send {{"room": {" or ".join(map(repr, ROOM_KINDS))}, "communityId": "…"}}.')
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
            self._services[CommunityServices].admission.leave(participant, clean)

    def join(self, sid: str, message: Any, request: Request) -> dict[str, Any]:
        """Admit a client to a room, send it the current value, and return that value. Idempotent. A watcher is admitted
        again, because they may have become a member. Raises InvalidMessage, and the errors that `close_code` knows.
        """
        requested = RequestedRoom.of(message, self._services[CommunityServices].refs.resolve)
        with self._client(sid) as client:
            if (watcher := client.participants.get(requested)) and watcher.is_watcher:
                self._services[CommunityServices].admission.leave(client.participants.pop(requested))
            value = self._present(client, requested)
            if value is None:
                if len(client.participants) >= MAX_ROOMS:
                    raise InvalidMessage(f"A client may be in at most {MAX_ROOMS} community rooms; leave one first.")
                token = message.get("token")
                token = token if isinstance(token, str) and token else client.token
                claims = identify(self._services, request, token, client.admitted_by)
                kind, end = ROOM_KINDS[requested.room], partial(self._end, sid, requested, message["communityId"])
                participant = participant_for(kind, sid, claims, requested.community_id, end, client.admitted_by)
                client.participants[requested] = participant
                try:
                    value = self._services[CommunityServices].admission.join(participant)
                finally:
                    if value is None:
                        client.participants.pop(requested, None)
                if value is None:
                    raise InvalidMessage(CLIENT_DISCONNECTED)
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
                self._services[CommunityServices].admission.leave(participant)

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
        return (
            self._services[CommunityServices].admission.send_present(participant) if participant is not None else None
        )

    @contextmanager
    def _client(self, sid: str) -> Iterator[Client]:
        """Lock a client. Raises InvalidMessage if it has disconnected, or disconnects while this waits for the lock."""
        client = self._clients.get(sid)
        if client is None:
            raise InvalidMessage(CLIENT_DISCONNECTED)
        with client.lock:
            if self._clients.get(sid) is not client:
                raise InvalidMessage(CLIENT_DISCONNECTED)
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
