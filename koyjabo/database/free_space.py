"""How much space is free on the disk of a SQLite file. PostgreSQL does not tell it of its own disk."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

LOW_BYTES, LOW_SHARE = 500_000_000, 0.05
"""Less free space than both is kept for visits: 5 % are too much of a large disk, and 500 MB of a small one."""

LOOK_S = 5.0


class Disk(NamedTuple):
    """Bytes."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        return self.free < min(LOW_BYTES, LOW_SHARE * self.total)


def look(folder: Path) -> Disk | None:
    """The disk of a folder; None if the system does not say."""
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        return Disk(usage.free, usage.total)
    return None


class FreeSpace:
    """The disk of a folder as of LOOK_S ago at most: no request waits for the system. None without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._disk: Disk | None = None
        self._next_look = 0.0  # monotonic s
        self._is_low = False

    def disk(self) -> Disk | None:
        now = time.monotonic()
        if self._folder is not None and now >= self._next_look:
            self._next_look = now + LOOK_S
            self._disk = look(self._folder)
            self._tell()
        return self._disk

    def is_low(self) -> bool:
        """Whether what can be refused has to be, so that visits still find room."""
        disk = self.disk()
        return disk is not None and disk.is_low

    def _tell(self) -> None:
        was_low, self._is_low = self._is_low, self._disk is not None and self._disk.is_low
        if self._is_low and not was_low and self._disk:
            log.warning("disk_almost_full free=%d total=%d", *self._disk)
        if was_low and not self._is_low:
            log.info("disk_has_room")
