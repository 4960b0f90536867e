"""What the process of a backup reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

WRITING, KEEPING, SENDING, FETCHING = "writing", "keeping", "sending", "fetching"
RESTORING, VERIFYING, ROTATING = "restoring", "verifying", "rotating"


class BackupReport(NamedTuple):
    """As of now; None is not known yet."""

    step: str = WRITING
    done: int = 0  # of this step, in rows or bytes
    goal: int = 0
    rows: int | None = None
    bytes: int | None = None
    made_ms: int | None = None  # the moment that the backup shows
    epoch: int | None = None
    total: int | None = None
    restored_total: int | None = None
    recount: dict[str, Any] | None = None  # `RecountResult.details`, if the recount of the restored copy found problems
    is_proven: bool = False  # and kept
    kept: Sequence[str] | None = None  # the names of all backups that are kept
    is_done: bool = False
    error: str = ""  # a sentence
