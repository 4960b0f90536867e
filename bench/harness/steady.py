"""Requests at a steady rate, from a process of their own (load/steady.py)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from harness.programs import SOURCES

PATIENCE_S = 40


@dataclass(frozen=True)
class Answer:
    """Times are wall clock, ns; `body` is kept for registrations only."""

    due_ns: int
    sent_ns: int
    answered_ns: int
    status: int
    body: str

    @property
    def took_ms(self) -> float:
        """From the moment it was due, so that a request that had to wait for its turn does not look fast."""
        return (self.answered_ns - self.due_ns) / 1e6


class Steady:
    """Under way from the moment it is made. `kind` is `stats`, `alive` (GET /healthz) or `register`."""

    def __init__(
        self, port: int, kind: str, rate: float, seconds: float, connections: int = 4, core: int | None = None
    ) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        words = [str(SOURCES / "steady.py"), *map(str, (port, kind, rate, seconds, connections))]
        self._patience_s = seconds + PATIENCE_S
        self._process = subprocess.Popen(
            [*pinned, sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def answers(self) -> list[Answer]:
        """Wait for the end; all that was answered, also with an error."""
        try:
            printed, _ = self._process.communicate(timeout=self._patience_s)
        finally:
            self._process.kill()
            self._process.wait()
        if self._process.returncode:
            raise RuntimeError("the steady load ended with an error; it has said which")
        return [Answer(*row) for row in json.loads(printed)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0
