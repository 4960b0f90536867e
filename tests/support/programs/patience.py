"""How long tests wait for what has to come. A limit ends a test that waits in vain; it measures no promise."""

from __future__ import annotations

import os

PATIENCE_S = float(os.environ.get("PATIENCE_S", "60"))
"""For a machine that has much else to do. `make mutations` sets less, because there much never comes."""

BEHIND_S = 240.0
"""For what a process of a low priority does, next to tests that keep all cores busy."""

SILENT_PATIENCE_S = min(PATIENCE_S, 40.0)
"""For a client that says nothing. After 45 s the server drops such a client, which would look like a refusal."""
