"""The base of all plain WebSocket streams: opening, messages from clients, and refusals."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from flask import Request

from koyjabo.base.core.close_codes import ABUSE, TRY_AGAIN_LATER, UNEXPECTED_ERROR, close_code
from koyjabo.base.core.errors import InvalidInput, InvalidMessage, KoyJaboError
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.core.services import Services
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.base.observability.socket_log import NO_COMMUNITY_TEXT, SocketLog
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import encode
from koyjabo.realtime import events
from koyjabo.realtime.sinks import Sink
from .messages import MAX_ERRORS, MAX_MESSAGE_BYTES, parse, unknown

VIEW_INTERVAL_S = 2.0
"""How often a connection may change its view of reports, in seconds. Of the views requested in between, it gets the
newest.
"""


class Connection(Sink, Hashable, Protocol):
    """A WebSocket or a stream, as implemented in a higher layer by `koyjabo.server.websockets`."""

    address: str  # the key of its limits
    born: float  # monotonic s

    @property
    def is_open(self) -> bool: ...

    @property
    def silent_ms(self) -> int: ...

    def start(self) -> None: ...

    def send(self, text: str) -> None: ...

    def close(self, code: int | None, reason: str = "") -> None: ...

    def run_in_order(self, call: Any) -> None: ...


@dataclass(slots=True)
class _NextView:
    """The view that a connection requested last, until it is shown, and when it may be shown, monotonic s."""

    message: dict[str, Any] | None = None
    due_s: float = 0.0


class Stream(ABC):
    """Owns all connections on one path."""

    largest_message = MAX_MESSAGE_BYTES
    pings = True
    shows_views = False
    kind: str
    """One of `SOCKET_KINDS`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._errors: Counter[Connection] = Counter()
        self._refused: WeakSet[Connection] = WeakSet()
        self._views: dict[Connection, _NextView] = {}

    @abstractmethod
    def admit(self, connection: Connection, request: Request) -> None:
        """Admit a connection and send its first event. May block. Raises a KoyJaboError if the connection is
        refused.
        """

    @abstractmethod
    def send_present(self, connection: Connection) -> None:
        """Respond to `request_count`. May block."""

    @abstractmethod
    def disconnected(self, connection: Connection, code: int) -> None:
        """Clean up after a connection has ended with the client's close code `code`. May block."""

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        """Make a connection follow a view of reports, if `shows_views`. May block. Raises InvalidInput for an unknown
        view, and another KoyJaboError if nothing can be pushed; the page then polls.
        """
        raise NotImplementedError

    @property
    def message_types(self) -> list[str]:
        """The types of the messages that this stream handles."""
        return ["ping", "request_count", *(["view"] if self.shows_views else [])]

    def person_of(self, connection: Connection) -> str | None:
        """The id of the connection's user or visitor; None if unknown."""
        return None

    def community_of(self, connection: Connection) -> str:
        """The community id of an admitted connection, or NOWHERE."""
        return NO_COMMUNITY_TEXT

    def open(self, websockets: Any, request: Request, protocol: str | None = None) -> None:
        """Accept a handshake, and admit the client. Raises BadHandshake, UnsupportedWebSocket. A refused client is
        first accepted and then closed with a code, because browsers hide the status of failed handshakes.
        """
        connection = websockets.accept(request.environ, self, protocol)
        try:
            if connection.is_open:
                self.admit(connection, request)
                self._record_opening(connection)
            else:
                self._record_refusal(connection, request, TRY_AGAIN_LATER, "no_room")
        except KoyJaboError as error:
            self._record_refusal(connection, request, close_code(error), error.code)
            connection.close(close_code(error), str(error))
        except Exception:
            self._record_refusal(connection, request, UNEXPECTED_ERROR, "internal_error")
            connection.close(UNEXPECTED_ERROR)
            raise
        finally:
            connection.start()

    def received(self, connection: Connection, message: str | bytes) -> None:
        try:
            parsed = parse(message)
            self._socket_log.received(parsed["type"])
            self._respond(connection, parsed)
        except InvalidMessage as error:
            self._refuse(connection, error)

    def ended(self, connection: Connection, code: int) -> None:
        self._errors.pop(connection, None)
        self._views.pop(connection, None)
        if connection not in self._refused:
            lasted_s = time.monotonic() - connection.born
            community, who = self.community_of(connection), self.person_of(connection)
            self._socket_log.closed(self.kind, connection.address, code, lasted_s, community, who)
        self.disconnected(connection, code)

    @property
    def _socket_log(self) -> SocketLog:
        return self._services[ObservabilityServices].socket_log

    def _record_opening(self, connection: Connection) -> None:
        community, who = self.community_of(connection), self.person_of(connection)
        self._socket_log.opened(self.kind, connection.address, community, who)

    def _record_refusal(self, connection: Connection, request: Request, code: int, why: str) -> None:
        self._refused.add(connection)
        named = (request.view_args or {}).get("community_id", "")
        community_id = self._services[CommunityServices].refs.known(named) or uuid_of(named)
        self._socket_log.refused(self.kind, connection.address, community_id or NO_COMMUNITY_TEXT, code, why)

    def _respond(self, connection: Connection, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ping":
            connection.send(encode(events.pong(self._services.clock.now_ms())))
        elif kind == "request_count":
            connection.run_in_order(partial(self.send_present, connection))
        elif kind == "view" and self.shows_views:
            view = self._views.setdefault(connection, _NextView())
            is_waiting, view.message = view.message is not None, message
            wait_s = view.due_s - time.monotonic()
            show = partial(connection.run_in_order, partial(self._show_next, connection, view))
            if wait_s > 0 and not is_waiting:
                self._services.lifetime.runtime.later(wait_s, show)
            elif not is_waiting:
                show()
        else:
            raise unknown(kind, self.message_types)

    def _show_next(self, connection: Connection, view: _NextView) -> None:
        message, view.message, view.due_s = view.message, None, time.monotonic() + VIEW_INTERVAL_S
        if message is None or connection not in self._views:
            return
        try:
            self.show_view(connection, message)
        except InvalidInput:
            self._refuse(connection, InvalidMessage("There is no such view."))
        except KoyJaboError:
            pass  # the page polls instead

    def _refuse(self, connection: Connection, error: InvalidMessage) -> None:
        self._errors[connection] += 1
        connection.send(encode(events.error(str(error), error.code)))
        if self._errors[connection] >= MAX_ERRORS:
            connection.close(ABUSE, "too many invalid messages")
