"""How long tests wait for an expected event. The limits are no promises of the product."""

from __future__ import annotations

import os

PATIENCE_S = float(os.environ.get("PATIENCE_S", "60"))
"""Limit on a busy machine. `make mutations` uses a shorter one, because many of its waits time out."""

BEHIND_S = 240.0  # limit for low-priority processes, while tests keep all cores busy
SILENT_PATIENCE_S = min(PATIENCE_S, 40.0)
"""Limit for a client that sends nothing. The server drops it after 45 s, which would look like a refusal."""
