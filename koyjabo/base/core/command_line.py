"""Shared parts of the command-line tools: the services, and the progress of long-running work."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, cast

import click

from .runtime import Advance
from .services import Services

INTERVAL_S = 5.0
"""Time between two progress lines, s."""

Creates = Literal["", "new", "any"]
"""The missing databases that may be begun: none, new ones, or any, even where one was lost."""

OpenApplication = Callable[[Creates], AbstractContextManager[Services]]


def application(creates: Creates = "") -> AbstractContextManager[Services]:
    """The services for a command, in an application context. `creates` says whether the command may begin a missing
    database, which then has no admin.

    They are closed afterwards. A known error ends the program with a message, and with status 2 for an invalid setting
    or an unusable database, otherwise 1.
    """
    return cast(OpenApplication, click.get_current_context().obj)(creates)


def whole_number(most: int) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """A callback for a parameter that is a number from 0 to `most`."""

    def checked(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
        if value is None or (value.isascii() and value.isdecimal() and int(value[:20]) <= most):
            return None if value is None else int(value)
        raise click.BadParameter(f"{value!r} is not a whole number from 0 to {most}.")

    return checked


@contextmanager
def progress(total: int, label: str) -> Iterator[Advance]:
    """Show on stderr how much of `total` is done: a bar on a terminal, otherwise a line from time to time.

    Usage: `with progress(rows, "Recounting") as advance: advance(n)`.
    """
    if sys.stderr.isatty():
        with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
            yield bar.update
    else:
        yield ProgressLines(total, label).advance


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the command as Ctrl+C does, so that it removes its temporary files."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # ignored under nohup
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ProgressLines:
    """Prints a progress line every INTERVAL_S. Short work prints nothing."""

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
