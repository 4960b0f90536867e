"""How long a start takes, of 1 worker and of 4, how much CPU, and how much memory all processes have afterwards.

On SQLite, with a new database and with one that is prepared; several workers with Redis. Beside other versions of this
server, in turn. Prints tables and how the ratios stand against the targets; the same text goes to
bench/results/start.txt.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from statistics import median

import click
from harness import machine, starts, versions
from harness.databases import SETTINGS
from harness.folders import RESULTS, scratch
from harness.redis_server import redis_server
from harness.starts import Start
from harness.tables import Report, Target, progress, say_targets
from harness.versions import THIS, Version

WORKERS = (4, 1)
Case = tuple[int, bool, Version]
"""(workers, whether the database is new, version)"""


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--beside", multiple=True, help="NAME=FOLDER of another checkout, with the same Python")
@click.option("--quick", is_flag=True, help="one round; not kept")
@versions.option
def main(rounds: int, beside: tuple[str, ...], quick: bool, before: Version | None) -> None:
    named = [each.partition("=") for each in beside]
    everybody = [THIS, *(Version(name, Path(folder).resolve(), sys.executable) for name, _, folder in named)]
    everybody += [before] if before else []
    rounds = 1 if quick else rounds
    report = Report()
    report.say("A start on SQLite, until each worker waits for connections; several workers with Redis")
    report.say(machine.described_now())
    report.say(f"medians of {rounds} interleaved rounds")
    report.say()
    with scratch() as folder, redis_server(None) as redis:
        found = in_turn(everybody, rounds, folder, redis.url)
    say_starts(report, found)
    if before:
        say_targets(report, targets(found, before))
    if not quick:
        report.save(RESULTS / "start.txt")


def in_turn(everybody: list[Version], rounds: int, folder: Path, redis: str) -> dict[Case, list[Start]]:
    found: dict[Case, list[Start]] = {}
    steps = rounds * len(WORKERS) * len(everybody)
    for step in range(steps):
        turn, at = divmod(step, len(everybody))
        workers, version = WORKERS[turn % len(WORKERS)], everybody[at]
        progress(step + 1, steps, f"{workers} worker(s), {version.name}")
        env = {**SETTINGS, "DATABASE_URL": f"sqlite:///{folder}/{step}.db", "WEB_CONCURRENCY": str(workers)}
        if workers > 1:
            env["REDIS_URL"] = redis
        for is_new in (True, False):
            start = starts.measure(version, env, workers)
            found.setdefault((workers, is_new, version), []).append(start)
    return found


def say_starts(report: Report, found: dict[Case, list[Start]]) -> None:
    rows = []
    for workers, is_new, version in sorted(found, key=lambda case: (-case[0], not case[1])):
        ours, theirs = (medians(found[workers, is_new, each]) for each in (THIS, version))
        ratios = ["" if version == THIS else f"{our / their:.2f}" for our, their in zip(ours, theirs, strict=True)]
        cells = [f"{theirs[0]:.2f}", f"{theirs[1]:.2f}", f"{theirs[2]:.0f}"]
        what = f"{workers} worker{'s' * (workers > 1)}, {'new' if is_new else 'prepared'} database: {version.name}"
        rows.append([what, *(cell for pair in zip(cells, ratios, strict=True) for cell in pair)])
    report.table(("", "ready s", "of it", "CPU s", "of it", "PSS MB", "of it"), rows)
    report.say("of it: this version's figure divided by that version's.")


def targets(found: dict[Case, list[Start]], before: Version) -> list[Target]:
    """With a prepared database. Ratios are medians of the rounds' ratios."""

    def ratio(workers: int, figure: str, most: float) -> Target:
        pairs = zip(found[workers, False, THIS], found[workers, False, before], strict=True)
        measured = median(getattr(one, figure) / getattr(other, figure) for one, other in pairs)
        what = {"ready_s": "seconds until ready", "pss_mb": "memory"}[figure]
        return Target(f"{workers} worker{'s' * (workers > 1)}: {what}, / {before.name}", measured, most=most)

    return [ratio(4, "ready_s", 0.3), ratio(1, "ready_s", 0.55), ratio(4, "pss_mb", 0.7), ratio(1, "pss_mb", 0.9)]


def medians(each: list[Start]) -> list[float]:
    """Of ready_s, cpu_s and pss_mb."""
    return [median(values) for values in zip(*((one.ready_s, one.cpu_s, one.pss_mb) for one in each), strict=True)]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
