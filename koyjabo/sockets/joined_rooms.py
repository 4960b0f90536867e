"""The community rooms that each Socket.IO client of this worker has joined (specification: Real time)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from flask import Request

from koyjabo.communities.live.participant import Participant
from koyjabo.communities.services import CommunityServices
from koyjabo.core.close_codes import close_code
from koyjabo.core.errors import KoyJaboError
from koyjabo.core.services import Services
from koyjabo.core.socket_errors import InvalidMessage
from koyjabo.realtime.events import Kicked
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets.credentials import identify
from koyjabo.sockets.room_kinds import KINDS, participant_for

MOST_ROOMS = 50
"""The largest number of community rooms of one client."""

DISCONNECTED = "The client disconnected before it was admitted."


class RequestedRoom(NamedTuple):
    """A community room. A client that asks for it by its ref and by its id asks for the same."""

    room: str
    community_id: str

    @classmethod
    def of(cls, message: Any, resolve: Callable[[str], str]) -> RequestedRoom:
        """Parse `room` and `communityId`, an id or a ref, of a message. Raises InvalidMessage, LedgerUnavailable."""
        fields = message if isinstance(message, dict) else {}
        room, community_id = fields.get("room"), fields.get("communityId")
        if not isinstance(room, str) or room not in KINDS or not isinstance(community_id, str):
            raise InvalidMessage(f'Send {{"room": {" or ".join(map(repr, KINDS))}, "communityId": "…"}}.')
        return cls(room, resolve(community_id).lower())


class Client:
    """One Socket.IO client. Its lock makes joins and leaves run one at a time."""

    def __init__(self) -> None:
        self.born = time.monotonic()
        self.participants: dict[RequestedRoom, Participant] = {}
        self.named: dict[str, str] = {}  # the communities that it has joined, by the ids or refs that it sent
        self.lock = threading.Lock()
        self.token: str | None = None  # sent in `auth` on connecting
        self.is_admitted = False
        self.admitted_by: str | None = None  # the id of the refresh token that admitted it


class JoinedRooms:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._clients: dict[str, Client] = {}

    def connected(self, sid: str, token: object) -> None:
        client = self._clients[sid] = Client()
        client.token = token if isinstance(token, str) else None

    def admit(self, sid: str) -> None:
        """Mark a client as admitted. Refused clients, and clients that disconnect earlier, are not counted."""
        if client := self._clients.get(sid):
            client.is_admitted = True

    def lasted_s(self, sid: str) -> float | None:
        """How long an admitted client has been connected, s; None for any other client."""
        client = self._clients.get(sid)
        return time.monotonic() - client.born if client and client.is_admitted else None

    def disconnected(self, sid: str, clean: bool) -> None:
        client = self._clients.pop(sid, None)
        for participant in list(client.participants.values()) if client else []:
            self._services[CommunityServices].rooms.leave(participant, clean)

    def join(self, sid: str, message: Any, request: Request) -> dict[str, Any]:
        """Admit a client to a room, send it the current value, and return that value. Idempotent. A watcher may have
        become a member, and is admitted again.

        Raises InvalidMessage, and the errors that `close_code` has codes for.
        """
        requested = RequestedRoom.of(message, self._services[CommunityServices].refs.resolve)
        with self._client(sid) as client:
            if (watcher := client.participants.get(requested)) and watcher.is_watcher:
                self._services[CommunityServices].rooms.leave(client.participants.pop(requested))
            value = self._present(client, requested)
            if value is None:
                if len(client.participants) >= MOST_ROOMS:
                    raise InvalidMessage(f"A client may be in {MOST_ROOMS} rooms of communities; leave one first.")
                token = _text(message.get("token")) or client.token
                claims = identify(self._services, request, token, client.admitted_by)
                kind, end = KINDS[requested.room], partial(self._end, sid, requested, message["communityId"])
                participant = participant_for(kind, sid, claims, requested.community_id, end, client.admitted_by)
                value = self._take(client, requested, participant)
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
        """Send the client the current value of a room, and return it. Raises InvalidMessage if it is not in it."""
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
        """Lock a client. Raises InvalidMessage if it has disconnected, also while it waited for the lock."""
        client = self._clients.get(sid)
        if client is None:
            raise InvalidMessage(DISCONNECTED)
        with client.lock:
            if self._clients.get(sid) is not client:
                raise InvalidMessage(DISCONNECTED)
            yield client

    def _take(self, client: Client, requested: RequestedRoom, participant: Participant) -> dict[str, Any]:
        client.participants[requested] = participant
        try:
            value = self._services[CommunityServices].rooms.join(participant)
        except Exception:
            client.participants.pop(requested, None)
            raise
        if value is None:
            client.participants.pop(requested, None)
            raise InvalidMessage(DISCONNECTED)
        return value

    def _joined(self, client: Client, message: Any) -> RequestedRoom:
        """A room that the client may have joined; without a query. Raises InvalidMessage."""
        known = self._services[CommunityServices].refs.known
        return RequestedRoom.of(message, lambda text: client.named.get(text) or known(text) or text)

    def _end(self, sid: str, requested: RequestedRoom, named: str, problem: KoyJaboError) -> None:
        """`named` is the id or ref by which the client has joined, and by which it knows the room."""
        client = self._clients.get(sid)
        if client is not None:
            if (participant := client.participants.get(requested)) and not participant.is_taken:
                del client.participants[requested]
            event = Kicked(requested.room, named, close_code(problem))
            self._services[RealtimeServices].rooms.send_to(sid, event)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
