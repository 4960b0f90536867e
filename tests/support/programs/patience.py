"""How long tests wait for an expected event. A limit ends a test that waits in vain; it is not a promise of the
product.
"""

from __future__ import annotations

import os

PATIENCE_S = float(os.environ.get("PATIENCE_S", "60"))
"""Limit on a busy machine. `make mutations` uses less, because there many waits are in vain."""

BEHIND_S = 240.0
"""Limit for low-priority processes, while tests keep all cores busy."""

SILENT_PATIENCE_S = min(PATIENCE_S, 40.0)
"""Limit for a client that sends nothing. The server drops it after 45 s, which would look like a refusal."""
