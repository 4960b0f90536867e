"""Two servers on one SQLite file against one server, under the same load."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from harness import load
from harness.contenders import ON_SQLITE, SQLITE
from harness.databases import is_exact
from harness.runs import WARM_UP_S, Place
from harness.tables import Report, Target, progress

CONNECTIONS_EACH = 32


@dataclass(frozen=True)
class Reading:
    rate: float
    p99_ms: float  # of the worse half of the load
    errors: int
    exact: bool


def compare(place: Place, report: Report, times: int, seconds: int) -> list[Target]:
    readings: dict[int, list[Reading]] = {1: [], 2: []}
    for step in range(times * 2):
        servers = step % 2 + 1
        progress(step + 1, times * 2, f"{servers} server(s) on one SQLite file")
        readings[servers].append(_read(place, servers, seconds))
    _say(report, place, readings)
    one, two = (median(reading.rate for reading in readings[servers]) for servers in (1, 2))
    return [
        Target("two servers on one SQLite file against one", two / one if one else 0.0, least=1.2),
        Target("two servers, p99", median(r.p99_ms for r in readings[2]), most=30.0, unit="ms"),
    ]


def _read(place: Place, servers: int, seconds: int) -> Reading:
    with place.database(SQLITE) as database:
        with ExitStack() as running:
            cores = (place.server_core, place.load_core)[:servers]
            ports = [running.enter_context(place.serving(ON_SQLITE, database, core)).port for core in cores]
            halves = list(zip((ports * 2)[:2], _load_cores(place, servers), strict=True))
            warm_up = _load(halves, WARM_UP_S)
            seen = _load(halves, seconds)
        acknowledged = sum(half.requests for half in (*warm_up, *seen))
        return Reading(
            rate=sum(half.rate for half in seen),
            p99_ms=max(half.p99_ms for half in seen),
            errors=sum(half.errors for half in seen),
            exact=is_exact(database, acknowledged),
        )


def _load_cores(place: Place, servers: int) -> tuple[int, int]:
    """For each half of the load: never the core of the server it speaks to."""
    return (place.load_core, place.load_core if servers == 1 else place.server_core)


def _load(halves: list[tuple[int, int]], seconds: int) -> list[load.Load]:
    under_way = [load.register(port, CONNECTIONS_EACH, seconds, core) for port, core in halves]
    return [client.result() for client in under_way]


def _say(report: Report, place: Place, readings: dict[int, list[Reading]]) -> None:
    report.say(
        f"Two servers on one SQLite file, on cores {place.server_core} and {place.load_core}, against one. The load is "
        f"two clients of {CONNECTIONS_EACH} connections, each on the core that its server is not on."
    )
    report.table(
        ("", "requests/s", "p99 ms", "errors", "ledger"),
        [
            [
                f"{servers} server(s)",
                f"{median(r.rate for r in found):,.0f}",
                f"{median(r.p99_ms for r in found):.1f}",
                str(sum(r.errors for r in found)),
                "exact" if all(r.exact for r in found) else "BROKEN",
            ]
            for servers, found in readings.items()
        ],
    )
