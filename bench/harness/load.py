"""HTTP load for a number of seconds, from one thread on one core (load/httpload.c)."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from harness.programs import compiled

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
            [*pinned, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
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
    return _client(port, connections, seconds, core, "register", secrets.token_hex(4))


def get(port: int, path: str, connections: int, seconds: int, core: int | None, etag: str | None = None) -> Client:
    """GET requests, with If-None-Match when `etag` is given."""
    return _client(port, connections, seconds, core, "get", path, *([etag] if etag else []))


def medians(readings: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure on its own."""
    rows = list(readings)
    return {name: median(row[name] for row in rows) for name in rows[0]}


def ratio(ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]], figure: str) -> float:
    """The median of the rounds' ratios of a figure: what disturbed a round disturbed both."""
    return median(one[figure] / max(other[figure], 1e-9) for one, other in zip(ours, theirs, strict=True))


HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "of Flask's constant")


def row(name: str, each: Sequence[dict[str, float]], flask: Sequence[dict[str, float]] | None) -> list[str]:
    """The line of a table with HEAD: medians of the rounds, and the ratio to a constant answer of Flask."""
    at = medians(each)
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    errors = sum(figures["errors"] for figures in each)
    return [name, *times, f"{errors:.0f}", f"{ratio(each, flask, 'rate'):.2f} ×" if flask else "-"]


def _client(port: int, connections: int, seconds: int, core: int | None, *words: str) -> Client:
    return Client([compiled("httpload"), *map(str, (port, connections, seconds)), *words], seconds, core)


def _load(summary: dict[str, int]) -> Load:
    seconds = summary["duration_us"] / 1e6
    return Load(
        requests=summary["requests"],
        rate=(summary["requests"] - summary["late"]) / seconds if seconds else 0.0,
        p50_ms=summary["p50_us"] / 1000,
        p99_ms=summary["p99_us"] / 1000,
        errors=summary["broken"] + summary["refused"],
    )
