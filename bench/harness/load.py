"""HTTP load for a number of seconds, from one thread on one core (load/httpload.c)."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from harness.programs import SOURCES, compiled

MARK = "SUMMARY "
TIMEOUT_S = 10


@dataclass(frozen=True)
class Load:
    """What the client saw. `errors` are broken connections, timeouts and answers of 400 and above."""

    requests: int  # answered, also after the end
    rate: float  # answers a second, until the end
    p50_ms: float
    p99_ms: float
    errors: int


class Client:
    """One run of a client, under way from the moment it is made."""

    def __init__(self, command: Sequence[str], seconds: int, core: int | None) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self._patience_s = seconds + 2 * TIMEOUT_S
        self._process = subprocess.Popen(
            [*pinned, *command], cwd=SOURCES, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )

    def result(self) -> Load:
        """Wait for the end of the run. It is bounded in time."""
        try:
            printed, _ = self._process.communicate(timeout=self._patience_s)
        finally:
            self._process.kill()
            self._process.wait()
        summaries = [line for line in printed.splitlines() if line.startswith(MARK)]
        if not summaries:
            raise RuntimeError(f"the client measured nothing; it printed:\n{printed}")
        return _load(json.loads(summaries[0].removeprefix(MARK)))


def register(port: int, connections: int, seconds: int, core: int | None) -> Client:
    """Registrations, each a visit of its own."""
    run = secrets.token_hex(4)
    return _own(port, connections, seconds, core, "register", run)


def get(port: int, path: str, connections: int, seconds: int, core: int | None, etag: str | None = None) -> Client:
    """GET requests, with If-None-Match when `etag` is given."""
    validator = [etag] if etag else []
    return _own(port, connections, seconds, core, "get", path, *validator)


def medians(readings: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure on its own."""
    rows = list(readings)
    return {name: median(row[name] for row in rows) for name in rows[0]}


def ratio(ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]], figure: str) -> float:
    """The median of the rounds' ratios of a figure: what disturbed a round disturbed both."""
    return median(one[figure] / max(other[figure], 1e-9) for one, other in zip(ours, theirs, strict=True))


def above(ratio: float) -> str:
    """A ratio to a ceiling, and whether the ceiling is one."""
    return f"{ratio:.2f} ×" + (", above" if ratio > 1 else "")


def _own(port: int, connections: int, seconds: int, core: int | None, *words: str) -> Client:
    program = str(compiled(SOURCES / "httpload.c"))
    return Client([program, *map(str, (port, connections, seconds)), *words], seconds, core)


def _load(summary: dict[str, int]) -> Load:
    seconds = summary["duration_us"] / 1e6
    return Load(
        requests=summary["requests"],
        rate=(summary["requests"] - summary["late"]) / seconds if seconds else 0.0,
        p50_ms=summary["p50_us"] / 1000,
        p99_ms=summary["p99_us"] / 1000,
        errors=summary["broken"] + summary["refused"],
    )
