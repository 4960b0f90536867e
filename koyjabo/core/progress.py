"""Shows the progress of a long command: a bar on a terminal, otherwise a line from time to time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from koyjabo.core.runtime import Advance

INTERVAL_S = 5.0
"""The time between two lines."""


@contextmanager
def of(total: int, label: str) -> Iterator[Advance]:
    """Show on stderr how much of `total` is done: `with progress.of(rows, "Recounting") as advance: advance(n)`."""
    if sys.stderr.isatty():
        with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
            yield bar.update
    else:
        yield Lines(total, label).advance


class Lines:
    """Prints the first line after INTERVAL_S, so that short work prints none."""

    def __init__(self, total: int, label: str) -> None:
        self._total = total
        self._label = label
        self._done = 0
        self._printed_at = time.monotonic()

    def advance(self, more: int) -> None:
        self._done += more
        if time.monotonic() - self._printed_at >= INTERVAL_S:
            self._printed_at = time.monotonic()
            share = 100 * self._done // max(1, self._total)
            click.echo(f"{self._label}: {self._done:,} of {self._total:,} ({share}%)", err=True)
