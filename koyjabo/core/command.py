"""The operator's command, as shown on pages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def own_command() -> str:
    """Return the command as typed in the server's folder: `.venv/bin/koyjabo` in a checkout."""
    environment = Path(sys.prefix)
    is_in_checkout = environment.parent == Path.cwd() and not shutil.which("koyjabo")
    return f"{environment.name}/bin/koyjabo" if is_in_checkout else "koyjabo"
