"""Free space on the disk of a SQLite file. PostgreSQL does not report the space on its disk."""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

LOW_SPACE_BYTES, LOW_SPACE_SHARE = 500_000_000, 0.05
"""The disk is low when its free space is below both limits. On a large disk, 5 % would be too much to reserve, and on a
small one, 500 MB.
"""

SPACE_CHECK_S = 5.0


class Disk(NamedTuple):
    """Total and free size of a disk, bytes."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        return self.free < min(LOW_SPACE_BYTES, LOW_SPACE_SHARE * self.total)


def read_disk(folder: Path) -> Disk | None:
    """The disk that contains a folder; None if the system does not report it."""
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        return Disk(usage.free, usage.total)
    return None


class FreeSpace:
    """The disk that contains a folder. It is read at most once every SPACE_CHECK_S, so that requests do not wait for
    the system. None if there is no folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._disk: Disk | None = None
        self._next_check = 0.0  # monotonic s
        self._is_low = False

    def disk(self) -> Disk | None:
        now = time.monotonic()
        if self._folder is not None and now >= self._next_check:
            self._next_check = now + SPACE_CHECK_S
            self._disk = read_disk(self._folder)
            self._log_change()
        return self._disk

    def is_low(self) -> bool:
        """Whether less important writes must be refused, to keep the remaining space for visits."""
        disk = self.disk()
        return disk is not None and disk.is_low

    def _log_change(self) -> None:
        was_low, self._is_low = self._is_low, self._disk is not None and self._disk.is_low
        if self._is_low and not was_low and self._disk:
            log.warning("disk_almost_full free=%d total=%d", *self._disk)
        if was_low and not self._is_low:
            log.info("disk_has_room")
