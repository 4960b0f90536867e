"""What an open page of the panel transfers, idle and with each visit, and how soon a visit is a row.

Overview and Realtime in Chromium, on two workers with Redis. All bytes are counted: frames both ways, answers and
requests with headers. Prints a table; the same text goes to bench/results/panel.txt.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median, quantiles

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from harness import machine  # noqa: E402
from harness.databases import fresh  # noqa: E402
from harness.folders import RESULTS, scratch  # noqa: E402
from harness.panel_page import EMAIL, PASSWORD, Seen, look  # noqa: E402
from harness.processes import serving  # noqa: E402
from harness.redis_server import redis_server  # noqa: E402
from harness.tables import Report, Target, progress, say_targets  # noqa: E402
from harness.versions import THIS  # noqa: E402

PAGES = {"Overview": "/admin/", "Realtime": "/admin/realtime"}
MOST_AN_HOUR, MOST_A_VISIT, MOST_MS = 1_000_000, 1024, 300


@click.command(help=__doc__)
@click.option("--seconds", default=60, show_default=True, help="how long nothing happens")
@click.option("--visits", default=60, show_default=True, help="how many come, one a second")
def main(seconds: int, visits: int) -> None:
    report = Report()
    report.say(f"A page of the panel: {seconds} s without a visit, then {visits} visits, one a second; two workers")
    report.say(machine.described_now())
    report.say()
    with scratch() as folder, redis_server(None) as redis, fresh(folder, on_postgres=False) as database:
        env = {**database.env, "REDIS_URL": redis.url, "WEB_CONCURRENCY": "2"}
        env |= {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
        with serving(THIS.server, env, machine.all_cores(), folder / "server.log", THIS.folder) as server:
            found = {}
            for at, (name, path) in enumerate(PAGES.items()):
                progress(at + 1, len(PAGES), name)
                found[name] = look(f"http://localhost:{server.port}", path, seconds, visits, 1.0)
    say(report, found, seconds)
    report.save(RESULTS / "panel.txt")


def say(report: Report, found: dict[str, Seen], seconds: int) -> None:
    head = ("", "KB an hour, idle", "bytes a visit", "row after ms: median", "p95", "most")
    rows, targets = [], []
    for name, seen in found.items():
        hour, p95 = seen.idle_bytes * 3600 / seconds, quantiles(seen.delays_ms, n=20)[-1]
        figures = (hour / 1000, seen.bytes_a_visit, median(seen.delays_ms), p95, max(seen.delays_ms))
        rows.append([name, *(f"{figure:,.0f}" for figure in figures)])
        targets += [
            Target(f"{name}: bytes an hour, idle", hour, most=MOST_AN_HOUR),
            Target(f"{name}: bytes a visit", seen.bytes_a_visit, most=MOST_A_VISIT),
            Target(f"{name}: row after ms, median", median(seen.delays_ms), most=MOST_MS),
        ]
    report.table(head, rows)
    say_targets(report, targets)


if __name__ == "__main__":
    main()
