"""The event that all servers send, with a growing revision."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

UPDATE = json.loads((Path(__file__).resolve().parents[1] / "load" / "visitor_update.json").read_text())


def next_update() -> dict[str, Any]:
    return {**UPDATE, "stats": {**UPDATE["stats"], "revision": time.time_ns() // 1_000_000}}
