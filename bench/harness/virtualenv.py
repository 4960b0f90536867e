"""Virtual environments with pinned packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PATIENCE_S = 600


def make(folder: Path, requirements: Path) -> None:
    """Make one with this Python, and install what `requirements` pins. Uses uv if there is one."""
    python, uv = str(folder / "bin" / "python"), _uv()
    if uv:
        run(*uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        run(*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(requirements))
    else:
        run(sys.executable, "-m", "venv", str(folder))
        run(python, "-m", "pip", "install", "--quiet", "-r", str(requirements))


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)


def _uv() -> list[str]:
    if shutil.which("uv"):
        return ["uv"]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []
