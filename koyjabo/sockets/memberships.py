"""Which rooms of communities the Socket.IO clients of this worker are in (SPEC: Real time, `join` and `leave`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from flask import Request

from koyjabo.errors import InvalidMessage, KoyJaboError
from koyjabo.events import Kicked
from koyjabo.seats import Seat
from koyjabo.services import Services
from koyjabo.sockets.credentials import identify
from koyjabo.sockets.errors import close_code
from koyjabo.sockets.rooms import KINDS, seat_for

LEFT_MEANWHILE = "The client has left while it was being let in."


class Asked(NamedTuple):
    """A room of a community, as clients name it."""

    room: str
    community_id: str

    @classmethod
    def of(cls, said: Any) -> Asked:
        """Raises InvalidMessage."""
        room, community_id = (said.get("room"), said.get("communityId")) if isinstance(said, dict) else (None, None)
        if room not in KINDS or not isinstance(community_id, str):
            raise InvalidMessage(f'Say {{"room": {" or ".join(map(repr, KINDS))}, "communityId": "…"}}.')
        return cls(room, community_id.lower())


class Client:
    """One Socket.IO client: joins and leaves one after the other."""

    def __init__(self) -> None:
        self.seats: dict[Asked, Seat] = {}
        self.lock = threading.Lock()
        self.token: str | None = None  # what it said on connecting


class Memberships:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._clients: dict[str, Client] = {}

    def connected(self, sid: str, token: object) -> None:
        client = self._clients[sid] = Client()
        client.token = token if isinstance(token, str) else None

    def disconnected(self, sid: str, clean: bool) -> None:
        client = self._clients.pop(sid, None)
        for seat in list(client.seats.values()) if client else []:
            self._services.attendance.leave(seat, clean)

    def join(self, sid: str, said: Any, request: Request) -> dict[str, Any]:
        """Let a client into a room; it is sent the present value, which is returned as well.

        Once more is no harm. Raises InvalidMessage, and whatever `close_code` has a code for.
        """
        asked = Asked.of(said)
        with self._client(sid) as client:
            seat = client.seats.get(asked)
            if seat is None or not seat.is_taken:
                claims = identify(self._services, request, _text(said.get("token")) or client.token)
                seat = seat_for(KINDS[asked.room], sid, claims, asked.community_id, partial(self._kick, sid, asked))
                client.seats[asked] = seat
                self._take(sid, client, asked)
            return self._services.attendance.present(seat)

    def leave(self, sid: str, said: Any) -> None:
        """Leave a room at once; one it is not in is no error. Raises InvalidMessage."""
        asked = Asked.of(said)
        with self._client(sid) as client:
            seat = client.seats.pop(asked, None)
            if seat is not None:
                self._services.attendance.leave(seat)

    def tell(self, sid: str, said: Any) -> dict[str, Any] | None:
        """Send the present value of a room it is in; None when it is in no such room."""
        asked = Asked.of(said)
        client = self._clients.get(sid)
        seat = client.seats.get(asked) if client else None
        return self._services.attendance.tell(seat) if seat and seat.is_taken else None

    @contextmanager
    def _client(self, sid: str) -> Iterator[Client]:
        client = self._clients.get(sid)
        if client is None:  # it has gone already
            raise InvalidMessage(LEFT_MEANWHILE)
        with client.lock:
            yield client

    def _take(self, sid: str, client: Client, asked: Asked) -> None:
        try:
            is_in = self._services.attendance.take(client.seats[asked])
            if not is_in or sid not in self._clients:
                raise InvalidMessage(LEFT_MEANWHILE)
        except Exception:
            seat = client.seats.pop(asked, None)
            if seat is not None:
                self._services.attendance.leave(seat)
            raise

    def _kick(self, sid: str, asked: Asked, problem: KoyJaboError) -> None:
        client = self._clients.get(sid)
        if client is not None:
            client.seats.pop(asked, None)
            self._services.rooms.say_to(sid, Kicked(asked.room, asked.community_id, close_code(problem)))


def _text(said: object) -> str | None:
    return said if isinstance(said, str) and said else None
