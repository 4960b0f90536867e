"""2,000 sockets that come and go, 50 visits a second, for half an hour: is all at the end as it was at the start?

Half of the sockets are plain, half speak Socket.IO; a tenth of them stays, the others are there for 5 to 40 s, and half
of those go without a goodbye. Prints a line a minute, then slopes; the same text goes to bench/results/soak.txt. The
exit status is 1 when memory or times grew, a socket was lost or a visit was not heard of.
"""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack

import click
from harness import machine
from harness.contenders import PRODUCT
from harness.crowds import allow_files
from harness.databases import fresh, is_exact
from harness.folders import RESULTS, scratch
from harness.passers_by import PassersBy
from harness.processes import serving
from harness.redis_server import redis_server
from harness.soaking import Minute, slope_an_hour, soak, thirds
from harness.tables import Report, Target, say_targets

WARM_UP = 2
"""Minutes: as long as the window of active visitors takes to fill, and a minute more."""

SHORTEST = 9
"""Minutes of which something can be said."""

ACTIVE_WINDOW_S = 60
MOST_MORE_MB, MOST_MORE_FILES, MOST_TIMES, MOST_MORE_MS = 5.0, 50.0, 1.5, 10.0
SLOPES = {
    "memory of the workers, MB": lambda minute: minute.megabytes,
    "register p50, ms": lambda minute: minute.register_p50,
    "register p99, ms": lambda minute: minute.register_p99,
    "push p50, ms": lambda minute: minute.push_p50,
    "push p99, ms": lambda minute: minute.push_p99,
}
HEAD = ("minute", "MB", "files", "register p50", "p99 ms", "push p50", "p99 ms", "visits", "opened")


@click.command(help=__doc__)
@click.option("--minutes", default=30, show_default=True, help=f"shorter than {SHORTEST} only proves that it works")
@click.option("--sockets", default=2000, show_default=True, help="at any time")
@click.option("--rate", default=50.0, show_default=True, help="visits a second")
@click.option("--postgres", "on_postgres", is_flag=True, help="PostgreSQL, Redis and two workers; SQLite if not said")
def main(minutes: int, sockets: int, rate: float, on_postgres: bool) -> None:
    machine.demand("taskset")
    allow_files(2 * sockets)
    report = Report()
    report.say(f"{minutes} minutes, {sockets:,} sockets, {rate:.0f} visits a second, {_where(on_postgres)}")
    report.say(machine.described_now())
    report.say()
    found, exact = run(minutes, sockets, rate, on_postgres)
    kept = say_soak(report, found, exact)
    if minutes >= SHORTEST:
        report.save(RESULTS / ("soak-postgres.txt" if on_postgres else "soak.txt"))
    sys.exit(0 if kept else 1)


def _where(on_postgres: bool) -> str:
    return "PostgreSQL, Redis, two workers" if on_postgres else "SQLite, one worker"


def run(minutes: int, sockets: int, rate: float, on_postgres: bool) -> tuple[list[Minute], bool]:
    with scratch() as folder, ExitStack() as stack:
        database = stack.enter_context(fresh(folder, on_postgres))
        env = {**database.env, "ACTIVE_WINDOW_SECONDS": str(ACTIVE_WINDOW_S)}
        if on_postgres:
            env |= {"REDIS_URL": stack.enter_context(redis_server(None)).url, "WEB_CONCURRENCY": "2"}
        found = []
        with serving(PRODUCT, env, machine.all_cores(), folder / "server.log") as server:
            passers = PassersBy(server.port, sockets, staying=sockets // 10)
            stack.callback(passers.leave)
            for minute in soak(server, passers, minutes, rate):
                click.echo("  ".join(row(minute)), err=True)
                found.append(minute)
        return found, is_exact(database, sum(minute.visits for minute in found))


def row(minute: Minute) -> list[str]:
    times = (minute.register_p50, minute.register_p99, minute.push_p50, minute.push_p99)
    figures = [f"{minute.megabytes:.1f}", f"{minute.files:,}", *(f"{ms:.1f}" for ms in times)]
    return [str(minute.number), *figures, f"{minute.visits:,}", f"{minute.came:,}"]


def say_soak(report: Report, found: list[Minute], exact: bool) -> bool:
    """Whether all was kept."""
    report.table(HEAD, [row(minute) for minute in found])
    last = found[-1]
    unheard, refused = sum(minute.unheard for minute in found), sum(minute.refused for minute in found)
    report.say(f"sockets lost: {last.lost}; visits refused: {refused}; not heard of: {unheard}; ledger exact: {exact}")
    report.say()
    whole = exact and not last.lost and not refused and not unheard
    if len(found) < SHORTEST:
        report.say(f"Too short to say how anything grows; {SHORTEST} minutes are enough.")
        return whole
    settled = found[WARM_UP:]
    rows = [[name, f"{slope_an_hour([value(each) for each in settled]):+.2f}"] for name, value in SLOPES.items()]
    report.table((f"slope, after {WARM_UP} minutes", "an hour"), rows)
    targets = wanted(settled)
    say_targets(report, targets)
    return whole and all(target.met for target in targets)


def wanted(minutes: list[Minute]) -> list[Target]:
    """The last third beside the first."""
    found = []
    first, last = thirds([minute.megabytes for minute in minutes])
    found.append(Target("more memory", last - first, most=MOST_MORE_MB, unit="MB"))
    first, last = thirds([float(minute.files) for minute in minutes])
    found.append(Target("more files", last - first, most=MOST_MORE_FILES, unit="files"))
    for name in ("register_p50", "register_p99", "push_p50", "push_p99"):
        first, last = thirds([getattr(minute, name) for minute in minutes])
        most = MOST_TIMES * first + MOST_MORE_MS
        found.append(Target(f"{name.replace('_', ' ')} at the end", last, most=most, unit="ms"))
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
