"""Memory of the worker as registrations add up."""

from __future__ import annotations

from harness import load, proc
from harness.contenders import ON_SQLITE, Contender
from harness.runs import Place, Run
from harness.tables import Report, progress

MILLION = 1_000_000
STEP = 250_000
CONNECTIONS = 64
BURST_S = 2
LONGEST_BURSTS = 2000


def say_of_runs(report: Report, runs: dict[Contender, list[Run]]) -> None:
    """What the runs made anyway: the last one of each."""
    rows = [
        [contender.name, f"{last.rss_before:.1f}", f"{last.rss_after:.1f}", f"{last.registered:,}"]
        for contender, (*_, last) in runs.items()
    ]
    report.say("Memory of the worker (of the first one where there are several).")
    report.table(("", "at start MB", "at the end MB", "registrations"), rows)


def say_of_a_million(report: Report, place: Place) -> None:
    """One server on SQLite, on to a million registrations."""
    report.say(f"Memory of the worker on SQLite, {CONNECTIONS} connections, on to a million registrations.")
    report.table(("registrations", "MB"), [[f"{done:,}", f"{mb:.1f}"] for done, mb in _million(place)])


def _million(place: Place) -> list[tuple[int, float]]:
    with place.database(ON_SQLITE.backend) as database, place.serving(ON_SQLITE, database) as server:
        marks, done = [(0, proc.rss_mb(server.worker))], 0
        for _ in range(LONGEST_BURSTS):
            done += load.register(server.port, CONNECTIONS, BURST_S, place.load_core).result().requests
            if done // STEP >= len(marks):
                progress(min(done, MILLION) // STEP, MILLION // STEP, f"{done:,} registrations")
                marks.append((done, proc.rss_mb(server.worker)))
            if done >= MILLION:
                break
        return marks
