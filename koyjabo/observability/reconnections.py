"""Who lost their line and is back within a minute, on whichever worker of this server.

Workers share one table of seconds, in which everybody has a place by a hash of their id. Nobody can be told from it;
two who have the same place are taken for one, which for a thousand lost lines a minute is one in sixty.
"""

from __future__ import annotations

import mmap
import os
import time
from hashlib import blake2b
from pathlib import Path
from struct import Struct

PLACES = 65_536
WITHIN_S = 60
ENTRY = Struct("<I")
SIZE = PLACES * ENTRY.size


class Comebacks:
    """Without a folder, or where it has no room, of this process alone."""

    def __init__(self, folder: str | None, secret: str) -> None:
        self._key = blake2b(secret.encode()).digest()
        self._table = _shared(folder) or mmap.mmap(-1, SIZE)

    def lost(self, who: str) -> None:
        ENTRY.pack_into(self._table, self._place(who), int(time.time()))

    def is_back(self, who: str) -> bool:
        """Whether somebody who opens a socket has lost one just before. The second time it is one more of theirs."""
        place = self._place(who)
        (lost_s,) = ENTRY.unpack_from(self._table, place)
        ENTRY.pack_into(self._table, place, 0)
        return time.time() - lost_s < WITHIN_S

    def _place(self, who: str) -> int:
        digest = blake2b(who.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest) % PLACES * ENTRY.size


def _shared(folder: str | None) -> mmap.mmap | None:
    """With all its room on the disk, since a write to a page that has none would end the process; or None."""
    if folder is None:
        return None
    try:
        with (Path(folder) / "comebacks").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)
            return mmap.mmap(file.fileno(), SIZE)
    except OSError:
        return None
