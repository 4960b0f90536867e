"""The workers that serve, as each tells of itself every second: what is promised; memory and Redis are siblings in
`koyjabo.realtime`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

SOCKET_KINDS = ("site", "communities", "dashboards", "socketio")
"""Plain WebSockets by where they are, and clients of Socket.IO."""


class Progress(NamedTuple):
    """A recount that is going on."""

    began_ms: int
    done: int
    rows: int


class Worker(NamedTuple):
    id: str
    host: str
    pid: int
    started_ms: int
    seen_ms: int  # when it told this
    memory_kb: int | None  # resident; None where the system does not say
    sockets: dict[str, int]  # by kind
    recount: Progress | None


class Workers(Protocol):
    """Neither method waits."""

    @property
    def redis_ms(self) -> float | None:
        """How long Redis took the last time; None where there is none, or it did not answer."""

    def tell(self, worker: Worker) -> None:
        """This worker, as it is now. One that has told nothing for some seconds is gone."""

    def all(self) -> list[Worker]:
        """Those there are, not older than 2 s while Redis answers; else this one alone."""
