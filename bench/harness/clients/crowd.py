"""Opens pages in several processes, because one process is not allowed to open enough files."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from harness.clients.websocket_clients import SPARE_FILES, Endpoint, WebSocketClients, opening


@dataclass(frozen=True)
class Reached:
    """A total that was sent to all pages. `last_at_ns` is when the last page showed it, on the monotonic clock."""

    last_at_ns: int
    behind: int  # pages that do not show it
    updates: int  # sent to all pages in the meantime


@dataclass(frozen=True)
class Closed:
    """The closing of all pages. `last_at_ns` is when the last page was closed, on the monotonic clock."""

    last_at_ns: int
    without_goodbye: int  # pages that were cut off without a close frame


class Crowd:
    """A group of open pages."""

    def __init__(self, groups: Sequence[WebSocketClients], opened_in_s: float) -> None:
        self._groups = groups
        self.opened_in_s = opened_in_s
        self.size = sum(group.size for group in groups)
        self.pids = [group.pid for group in groups]

    def begin_waiting_for(self, total: int) -> None:
        """Start waiting until all pages show this total or a greater one. Call it before registering the visit that
        causes the total.
        """
        self._begin(f"until {total}")

    def wait_for_total(self) -> Reached:
        """Wait until every page shows the total, for at most two minutes."""
        answers = self._answers()
        return Reached(
            max(answer["last_at_ns"] for answer in answers),
            sum(answer["behind"] for answer in answers),
            sum(answer["updates"] for answer in answers),
        )

    def reopen_lost(self) -> None:
        """From now on, reopen each page as soon as it is lost."""
        self._begin("return")
        self._answers()

    def begin_closing(self) -> None:
        """Start waiting until all pages are closed. Call it before stopping the server."""
        self._begin("closed")

    def wait_until_closed(self) -> Closed:
        answers = self._answers()
        return Closed(
            max(answer["last_at_ns"] for answer in answers),
            self.size - sum(answer["said_goodbye"] for answer in answers),
        )

    def settle(self) -> None:
        """Wait until half a second passes without an update, for at most 20 s."""
        self._begin("settle")
        self._answers()

    def lost(self) -> int:
        """The number of pages lost so far."""
        return sum(group.counts().lost for group in self._groups)

    def _begin(self, command: str) -> None:
        for group in self._groups:
            group.begin(command)

    def _answers(self) -> list[dict]:
        return [group.answer() for group in self._groups]


@contextmanager
def gathered(port: int, endpoint: Endpoint, size: int) -> Iterator[Crowd]:
    """Open `size` pages, in all processes at once, and keep them open for the duration of the block."""
    with ExitStack() as stack:
        began = time.monotonic()
        groups = [stack.enter_context(opening(port, endpoint, part, None)) for part in parts(size)]
        for group in groups:
            group.answer()
        yield Crowd(groups, time.monotonic() - began)


def parts(size: int) -> list[int]:
    """The number of pages per process, with as few processes as the limit on open files allows."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes = -(-size // (files - SPARE_FILES))
    return [size // processes + (number < size % processes) for number in range(processes)]
