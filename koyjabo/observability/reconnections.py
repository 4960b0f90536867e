"""Recognises clients that lost a connection and return within a minute, on any worker of this server.

Workers share one table of times (s). A keyed hash of the client's id gives its entry, so the table identifies no one.
Two clients with the same entry are mistaken for each other: one in sixty at a thousand lost connections a minute.
"""

from __future__ import annotations

import mmap
import time
from hashlib import blake2b
from pathlib import Path
from struct import Struct

ENTRIES = 65_536
WITHIN_S = 60
ENTRY = Struct("<I")
SIZE = ENTRIES * ENTRY.size


class Reconnections:
    """The shared table; without a folder, or without disk space in it, a table of this process alone."""

    def __init__(self, folder: str | None, secret: str) -> None:
        self._key = blake2b(secret.encode()).digest()
        self._table = _shared(folder) or mmap.mmap(-1, SIZE)

    def lost(self, who: str) -> None:
        """Store that `who` lost a connection now."""
        ENTRY.pack_into(self._table, self._offset(who), int(time.time()))

    def is_back(self, who: str) -> bool:
        """Whether `who` lost a connection less than WITHIN_S ago. Clears the entry: further sockets are new ones."""
        offset = self._offset(who)
        lost_s: int
        (lost_s,) = ENTRY.unpack_from(self._table, offset)
        ENTRY.pack_into(self._table, offset, 0)
        return time.time() - lost_s < WITHIN_S

    def _offset(self, who: str) -> int:
        """The position of an entry, bytes."""
        digest = blake2b(who.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest) % ENTRIES * ENTRY.size


def _shared(folder: str | None) -> mmap.mmap | None:
    """The table of the server, or None. Its disk space is reserved, since a write to a page without any would end the
    process (SIGBUS).
    """
    if folder is None:
        return None
    try:
        with (Path(folder) / "comebacks").open("a+b") as file:
            file.write(bytes(max(0, SIZE - file.tell())))  # reserves the space, unlike `truncate`
            file.flush()
            return mmap.mmap(file.fileno(), SIZE)
    except OSError:
        return None
