"""The event that every server sends: the same bytes but for a revision that grows."""

from __future__ import annotations

import json
import time
from pathlib import Path

UPDATE = json.loads((Path(__file__).resolve().parents[1] / "load" / "visitor_update.json").read_text())
COMPACT = (",", ":")

_last_revision = 0


def next_update() -> dict:
    """A `visitor_update` that is newer than any before, in this process and by the clock."""
    global _last_revision
    _last_revision = max(_last_revision + 1, time.time_ns() // 1_000_000)
    return {**UPDATE, "stats": {**UPDATE["stats"], "revision": _last_revision}}


def next_text() -> str:
    return json.dumps(next_update(), separators=COMPACT)
