"""A crowd of open pages in several processes: one may not have enough open files for all."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from harness.clients.websocket_clients import SPARE_FILES, Endpoint, WebSocketClients, opening


@dataclass(frozen=True)
class Reached:
    """A total on its way to all pages. `last_at_ns` is when the last one showed it, monotonic clock."""

    last_at_ns: int
    behind: int  # pages that do not show it
    updates: int  # that all pages were sent meanwhile


@dataclass(frozen=True)
class Closed:
    """The end of all pages. `last_at_ns` is that of the last one, monotonic clock."""

    last_at_ns: int
    without_goodbye: int  # pages that were cut off without a close frame


class Crowd:
    """Pages that are all open."""

    def __init__(self, groups: Sequence[WebSocketClients], opened_in_s: float) -> None:
        self._groups = groups
        self.opened_in_s = opened_in_s
        self.size = sum(group.size for group in groups)
        self.pids = [group.pid for group in groups]

    def begin_waiting_for(self, total: int) -> None:
        """Have the pages look out for a total, or a greater one, that a visit is about to cause."""
        self._begin(f"until {total}")

    def wait_for_total(self) -> Reached:
        """Wait until every page shows the total; two minutes at most."""
        answers = self._answers()
        return Reached(
            max(answer["last_at_ns"] for answer in answers),
            sum(answer["behind"] for answer in answers),
            sum(answer["updates"] for answer in answers),
        )

    def reopen_lost(self) -> None:
        """From now on, open each page again as soon as it is lost."""
        self._begin("return")
        self._answers()

    def begin_closing(self) -> None:
        """Have the pages wait for their end; call it before the server is told to stop."""
        self._begin("closed")

    def wait_until_closed(self) -> Closed:
        answers = self._answers()
        return Closed(
            max(answer["last_at_ns"] for answer in answers),
            self.size - sum(answer["said_goodbye"] for answer in answers),
        )

    def settle(self) -> None:
        """Wait until half a second passes without an update; 20 s at most."""
        self._begin("settle")
        self._answers()

    def lost(self) -> int:
        """How many pages have been lost so far."""
        return sum(group.counts().lost for group in self._groups)

    def _begin(self, command: str) -> None:
        for group in self._groups:
            group.begin(command)

    def _answers(self) -> list[dict]:
        return [group.answer() for group in self._groups]


@contextmanager
def gathered(port: int, endpoint: Endpoint, size: int) -> Iterator[Crowd]:
    """Open `size` pages, all processes at once, and keep them until the block ends."""
    with ExitStack() as stack:
        began = time.monotonic()
        groups = [stack.enter_context(opening(port, endpoint, part, None)) for part in parts(size)]
        for group in groups:
            group.answer()
        yield Crowd(groups, time.monotonic() - began)


def parts(size: int) -> list[int]:
    """How many pages each process has, as few processes as the limit on open files allows."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes = -(-size // (files - SPARE_FILES))
    return [size // processes + (number < size % processes) for number in range(processes)]
