"""Durations of modules in earlier runs, in seconds. The longest modules start first. `DURATIONS=1` measures them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FILE = TESTS / "durations.json"
UNKNOWN_S = 5.0  # assumed duration of a module that was never measured, so that it starts early


class Durations:
    """Durations by module path below `tests/`, in the quick or in the full run."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._known: dict[str, dict[str, float]] = json.loads(FILE.read_text())

    def of(self, module: str) -> float:
        return self._known.get(module, {}).get(self._run, UNKNOWN_S)

    def store(self, measured_s: Mapping[str, float]) -> None:
        """Update the modules that ran, and remove modules that no longer exist."""
        for module, seconds in measured_s.items():
            self._known.setdefault(module, {})[self._run] = round(seconds, 1)
        there = {module: self._known[module] for module in sorted(self._known) if (TESTS / module).exists()}
        lines = ",\n".join(f"  {json.dumps(module)}: {json.dumps(taken)}" for module, taken in there.items())
        FILE.write_text(f"{{\n{lines}\n}}\n")
