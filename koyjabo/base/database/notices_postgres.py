"""Keeps what libpq writes to standard error while it connects, such as a warning about the order of texts.

libpq writes these notices to descriptor 2 itself. Later ones are in the connection's list.
"""

import os
import re
import tempfile
from _queue import SimpleQueue  # uses the C queue, whose locks are real even if the standard library is patched
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

NOTICE_LINE = re.compile(r"([^\s:]+):  ")
"""The beginning of a line of libpq, such as `WARNING:  `. PostgreSQL may translate the words."""

NOTICE_DETAILS = ("DETAIL", "HINT")

STANDARD_ERROR = 2

notices: dict[str, None] = {}
"""All texts so far, in order. `upkeep.health` logs them."""

_slot: SimpleQueue[bool] = SimpleQueue()
_slot.put(True)
_taken_over: list[tuple[BinaryIO, int]] = []
"""What standard error leads to for now, and a copy of its descriptor. It is empty while no thread connects."""

_connecting: list[None] = []


@contextmanager
def kept_notices() -> Iterator[None]:
    """Keep the notices of this block, and write everything else to standard error afterwards. Threads may overlap."""
    _slot.get()
    try:
        _connecting.append(None)
        if len(_connecting) == 1:
            with suppress(OSError):  # there is no standard error, or no space
                _take_over()
    finally:
        _slot.put(True)
    try:
        yield
    finally:
        _slot.get()
        try:
            _connecting.pop()
            if not _connecting and _taken_over:
                _give_back()
        finally:
            _slot.put(True)


def _take_over() -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `_give_back` closes it
    _taken_over.append((file, os.dup(STANDARD_ERROR)))
    os.dup2(file.fileno(), STANDARD_ERROR)


def _give_back() -> None:
    file, original = _taken_over.pop()
    os.dup2(original, STANDARD_ERROR)
    os.close(original)
    with file:
        file.seek(0)
        written = file.read().decode(errors="replace").splitlines(keepends=True)
    notice: list[str] = []
    rest = []
    for line in written:
        part = NOTICE_LINE.match(line)
        if part is None:
            rest.append(line)
        elif part[1] in NOTICE_DETAILS and notice:
            notice[-1] += f" {line.strip()}"
        else:
            notice.append(line.strip())
    notices.update(dict.fromkeys(notice))
    with suppress(OSError):
        os.write(STANDARD_ERROR, "".join(rest).encode())
