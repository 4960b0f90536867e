"""Load from `wrk`: one thread, pinned, for a number of seconds."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from harness.folders import BENCH

SCRIPTS = BENCH / "load"
MARK = "SUMMARY "
TIMEOUT_S = 10


@dataclass(frozen=True)
class Load:
    """What wrk saw. `errors` are broken connections, timeouts and answers of 400 and above."""

    requests: int
    rate: float  # answers a second
    p50_ms: float
    p99_ms: float
    errors: int


class Wrk:
    """One run of wrk, under way from the moment it is made."""

    def __init__(
        self, script: str, port: int, connections: int, seconds: int, core: int | None, *arguments: str
    ) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT_S}s", "-s", f"{script}.lua"]
        self._patience_s = seconds + TIMEOUT_S + 5
        self._process = subprocess.Popen(
            [*pinned, "wrk", *options, f"http://127.0.0.1:{port}/api/stats", "--", *arguments],
            cwd=SCRIPTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
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
            raise RuntimeError(f"wrk measured nothing; it printed:\n{printed}")
        return _load(json.loads(summaries[0].removeprefix(MARK)))


def register(port: int, connections: int, seconds: int, core: int | None) -> Wrk:
    """Registrations, each a visit of its own."""
    return Wrk("register", port, connections, seconds, core, secrets.token_hex(4))


def read_stats(port: int, connections: int, seconds: int, core: int | None, etag: str | None = None) -> Wrk:
    """GET /api/stats, with If-None-Match when `etag` is given."""
    return Wrk("stats", port, connections, seconds, core, *([etag] if etag else []))


def medians(readings: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure on its own."""
    rows = list(readings)
    return {name: median(row[name] for row in rows) for name in rows[0]}


def _load(summary: dict[str, int]) -> Load:
    seconds = summary["duration_us"] / 1e6
    return Load(
        requests=summary["requests"],
        rate=summary["requests"] / seconds if seconds else 0.0,
        p50_ms=summary["p50_us"] / 1000,
        p99_ms=summary["p99_us"] / 1000,
        errors=summary["broken"] + summary["refused"],
    )
