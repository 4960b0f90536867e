"""What an HTTP connection asks of its server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from koyjabo.core.runtime import EventLoop
from koyjabo.server.http.request_parser import RequestParser
from koyjabo.server.process.poller import Poller

if TYPE_CHECKING:
    from koyjabo.server.http.connection import HttpConnection


class Owner(Protocol):
    runtime: EventLoop
    poller: Poller
    is_leaving: bool

    def lend_parser(self) -> RequestParser: ...

    def take_back(self, parser: RequestParser) -> None: ...

    def answer(self, connection: HttpConnection, parser: RequestParser) -> None: ...

    def forget(self, connection: HttpConnection) -> None: ...
