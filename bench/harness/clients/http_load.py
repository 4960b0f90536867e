"""Generates HTTP load for a few seconds, from one thread on one core (load/httpload.c)."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Sequence
from operator import itemgetter
from statistics import median

from harness.folders import compiled
from harness.reporting.tables import ratio

PATIENCE_S = 20
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "of Flask's constant")

Figures = dict[str, float]
"""The client's results. `errors` counts broken connections, timeouts and statuses of 400 and above. `requests` counts
all requests that got a response, even after the end; `rate` is the number of responses per second until the end.
"""


def register(port: int, connections: int, seconds: int, core: int, pages: int | None = None) -> Figures:
    """Register visits, all of them different, spread over `pages` pages or a few."""
    return _load(port, connections, seconds, core, "register", secrets.token_hex(4), *([str(pages)] if pages else []))


def get_pages(port: int, connections: int, seconds: int, core: int, pages: int) -> Figures:
    """Request the numbers of `pages` pages, one page with each request."""
    return _load(port, connections, seconds, core, "pages", str(pages))


def get(port: int, path: str, connections: int, seconds: int, core: int) -> Figures:
    """Send GET requests."""
    return _load(port, connections, seconds, core, "get", path)


def row(name: str, figures: Sequence[Figures], flask: Sequence[Figures] | None) -> list[str]:
    """A table row for HEAD: medians of the rounds, and the ratio to Flask's constant response."""
    at = {name: median(figures[name] for figures in figures) for name in figures[0]}
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    errors = sum(figures["errors"] for figures in figures)
    return [name, *times, f"{errors:.0f}", f"{ratio(figures, flask, itemgetter('rate')):.2f} ×" if flask else "-"]


def _load(port: int, connections: int, seconds: int, core: int, *words: str) -> Figures:
    command = ["taskset", "-c", str(core), compiled("httpload"), *map(str, (port, connections, seconds)), *words]
    summary = json.loads(subprocess.check_output(command, timeout=seconds + PATIENCE_S))
    return {
        "requests": summary["requests"],
        "rate": (summary["requests"] - summary["late"]) * 1e6 / summary["duration_us"],
        "p50_ms": summary["p50_us"] / 1000,
        "p99_ms": summary["p99_us"] / 1000,
        "errors": summary["broken"] + summary["refused"],
    }
