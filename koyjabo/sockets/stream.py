"""What all plain WebSockets have in common: how they are opened, what may be said on them, and what is not taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable
from functools import partial
from typing import Any, Protocol

from flask import Request

from koyjabo.errors import InvalidMessage, KoyJaboError
from koyjabo.events import ABUSE, Error, Pong
from koyjabo.services import Services
from koyjabo.sockets.errors import close_code
from koyjabo.sockets.messages import LARGEST_MESSAGE, MOST_ERRORS, parse, unknown
from koyjabo.stats import encode

UNEXPECTED = 1011


class Connection(Hashable, Protocol):
    """A WebSocket (see `koyjabo.server.connection`)."""

    @property
    def is_open(self) -> bool: ...

    def start(self) -> None: ...

    def send(self, text: str) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self, code: int | None, reason: str = "") -> None: ...

    def in_turn(self, call: Any) -> None: ...


class Stream(ABC):
    """The owner of all connections at one path."""

    largest_message = LARGEST_MESSAGE
    pings = True

    def __init__(self, services: Services) -> None:
        self._services = services
        self._errors: Counter[Connection] = Counter()

    @abstractmethod
    def welcome(self, connection: Connection, request: Request) -> None:
        """Tell one who has come what comes first. Raises why they may not be here; may wait."""

    @abstractmethod
    def tell_present(self, connection: Connection) -> None:
        """Answer `request_count`; may wait."""

    @abstractmethod
    def gone(self, connection: Connection, code: int) -> None:
        """It has ended, with the code the client gave; may wait."""

    def open(self, websockets: Any, request: Request, protocol: str | None = None) -> None:
        """Accept a handshake; whoever may not be here is told so by the code it is closed with, since browsers hide
        what a refused handshake says. Raises BadHandshake, UnsupportedWebSocket.
        """
        connection = websockets.accept(request.environ, self, protocol)
        try:
            if connection.is_open:  # and not one too many
                self.welcome(connection, request)
        except KoyJaboError as error:
            connection.close(close_code(error), str(error))
        except Exception:
            connection.close(UNEXPECTED)
            raise
        finally:
            connection.start()

    def received(self, connection: Connection, message: str | bytes) -> None:
        try:
            self._answer(connection, parse(message)["type"])
        except InvalidMessage as error:
            self._refuse(connection, error)

    def ended(self, connection: Connection, code: int) -> None:
        self._errors.pop(connection, None)
        self.gone(connection, code)

    def _answer(self, connection: Connection, kind: str) -> None:
        if kind == "ping":
            _send(connection, Pong(self._services.clock.now_ms()))
        elif kind == "request_count":
            connection.in_turn(partial(self.tell_present, connection))
        else:
            raise unknown(kind)

    def _refuse(self, connection: Connection, error: InvalidMessage) -> None:
        self._errors[connection] += 1
        _send(connection, Error(str(error), error.code))
        if self._errors[connection] >= MOST_ERRORS:
            connection.close(ABUSE, "too many messages that are none")


def _send(connection: Connection, event: Pong | Error) -> None:
    connection.send(encode(event.as_object()))
