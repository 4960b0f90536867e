"""How far something is that takes long: a bar on a terminal, and lines now and then where the output is kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from koyjabo.runtime import Advance

INTERVAL_S = 5.0
"""Between two lines."""


@contextmanager
def of(total: int, label: str) -> Iterator[Advance]:
    """Show on stderr how much of `total` is done: `with progress.of(rows, "Recounting") as advance: advance(n)`."""
    if sys.stderr.isatty():
        with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
            yield bar.update
    else:
        yield Lines(total, label).advance


class Lines:
    """The first line is said when it has taken as long as there is between two: what is done soon needs none."""

    def __init__(self, total: int, label: str) -> None:
        self._total = total
        self._label = label
        self._done = 0
        self._said_at = time.monotonic()

    def advance(self, more: int) -> None:
        self._done += more
        if time.monotonic() - self._said_at >= INTERVAL_S:
            self._said_at = time.monotonic()
            share = 100 * self._done // max(1, self._total)
            click.echo(f"{self._label}: {self._done:,} of {self._total:,} ({share}%)", err=True)
