"""What each module took in earlier runs, in seconds of wall time: the longest begin first, and shards are even.

`make test DURATIONS=1` and `make test-all DURATIONS=1` measure them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FILE = TESTS / "durations.json"
UNKNOWN_S = 5.0
"""A module that was never measured begins before most others."""

NAMED = {
    "browser": ("browser/",),
    "packages": ("clients/", "sockets/test_socketio_javascript.py", "test_readme.py", "test_wheel.py"),
}
EVEN = ("1", "2", "3")
"""The shards of all other tests: a third of their time each."""

SHARDS = (*NAMED, *EVEN)


class Durations:
    """Of modules by their path below `tests/`, in the quick run or in the full one."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._known: dict[str, dict[str, float]] = json.loads(FILE.read_text())

    def of(self, module: str) -> float:
        return self._known.get(module, {}).get(self._run, UNKNOWN_S)

    def store(self, measured_s: Mapping[str, float]) -> None:
        """Replace those of the modules that ran, and forget modules that are gone."""
        for module, seconds in measured_s.items():
            self._known.setdefault(module, {})[self._run] = round(seconds, 1)
        there = {module: self._known[module] for module in sorted(self._known) if (TESTS / module).exists()}
        lines = ",\n".join(f"  {json.dumps(module)}: {json.dumps(taken)}" for module, taken in there.items())
        FILE.write_text(f"{{\n{lines}\n}}\n")

    def shard(self, wanted: str) -> set[str]:
        """The modules of a shard, among all there are. Raises KeyError for one that is unknown."""
        modules = [str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")]
        parts: dict[str, list[str]] = {shard: [] for shard in SHARDS}
        taken_s = dict.fromkeys(EVEN, 0.0)
        for module in sorted(modules, key=lambda module: (-self.of(module), module)):
            named = next((shard for shard, paths in NAMED.items() if module.startswith(paths)), None)
            shard = named or min(EVEN, key=taken_s.__getitem__)
            if shard in taken_s:
                taken_s[shard] += self.of(module)
            parts[shard].append(module)
        return set(parts[wanted])
