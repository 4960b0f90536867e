"""Recognises clients that return soon after losing their connection."""

import mmap
import time
from hashlib import blake2b
from pathlib import Path
from struct import Struct

TABLE_ENTRIES = 65_536

WITHIN_S = 60

ENTRY = Struct("<I")

TABLE_SIZE = TABLE_ENTRIES * ENTRY.size


class Reconnections:
    """Recognises clients that return within a minute of losing their connection, on any worker of this server.

    Workers share one table of times (s) in `folder`. Without a folder or disk space, each process has its own table. A
    keyed hash of the client's id selects the entry, so the table identifies no one. Clients with the same entry are
    mistaken for each other: one in sixty, if a thousand connections are lost in a minute.
    """

    def __init__(self, folder: str | None, secret: str) -> None:
        self._key = blake2b(secret.encode()).digest()
        self._table = _shared(folder) or mmap.mmap(-1, TABLE_SIZE)

    def lost(self, who: str) -> None:
        """Record that `who` has just lost a connection."""
        ENTRY.pack_into(self._table, self._offset(who), int(time.time()))

    def is_back(self, who: str) -> bool:
        """Whether `who` lost a connection less than WITHIN_S ago. Clears the entry, so that further sockets count as
        new.
        """
        offset = self._offset(who)
        lost_s: int
        (lost_s,) = ENTRY.unpack_from(self._table, offset)
        ENTRY.pack_into(self._table, offset, 0)
        return time.time() - lost_s < WITHIN_S

    def _offset(self, who: str) -> int:
        """An entry's offset, bytes."""
        digest = blake2b(who.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest) % TABLE_ENTRIES * ENTRY.size


def _shared(folder: str | None) -> mmap.mmap | None:
    """The table that the server's workers share, or None. Its disk space is reserved in advance, because writing to a
    page without disk space would kill the process (SIGBUS).
    """
    if folder is None:
        return None
    try:
        with (Path(folder) / "comebacks").open("a+b") as file:
            file.write(bytes(max(0, TABLE_SIZE - file.tell())))  # reserves the space, unlike `truncate`
            file.flush()
            return mmap.mmap(file.fileno(), TABLE_SIZE)
    except OSError:
        return None
