"""What is said of a gathering: how soon everybody knew of whom, and what was promised beside what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.deliveries import Delays
from harness.gathering import Line
from harness.presence_run import Run
from harness.storm_report import Promise, none
from harness.tables import Report

P99_MS = 100.0
GONE_S = 15.0
COUNTS = ("visitor_count", "visitor_joined", "visitor_left")
TYPES = {1: "visitor_joined", -1: "visitor_left"}


def say_presence(report: Report, run: Run) -> bool:
    """Say everything; True when all promises were kept."""
    opened, delays = _entering(run), _deliveries(run)
    rows = [
        [name, f"{each.count:,}", *(f"{each.percentile_ms(percent):.1f}" for percent in (50, 90, 99, 99.9, 100))]
        for name, each in (("until the socket's own first event", opened), ("until every other socket knows", delays))
    ]
    report.say("From the handshake of one who comes, ms")
    report.table(("", "pairs", "p50", "p90", "p99", "p99.9", "most"), rows)
    gone_s = (run.agreed_ns - run.killed_ns) / 1e9 if run.agreed_ns else 0.0
    lost = sum(line.lost_ns is not None for line in run.lines)
    report.say(
        f"sockets in all: {len(run.lines):,}; lost with the killed worker: {lost:,}; "
        f"members who did not come back: {len(run.ghosts)}"
    )
    report.say(
        "CPU while they came, % of a core: " + ", ".join(f"{who} {share:.0f}" for who, share in run.cpu_percent.items())
    )
    report.say()
    promises = _promises(run, delays, gone_s)
    report.table(("promise", "found", "wanted", ""), [promise.row() for promise in promises])
    return all(promise.kept for promise in promises)


def _promises(run: Run, delays: Delays, gone_s: float) -> Sequence[Promise]:
    p99_ms = delays.percentile_ms(99)
    kept = sum(1 for line in run.stayed if _counts(run, line) and _counts(run, line)[-1]["count"] == run.expected)
    return [
        Promise("99 of 100 deliveries", f"{p99_ms:.1f} ms", f"≤ {P99_MS:.0f} ms", 0 < p99_ms <= P99_MS),
        Promise(
            f"sockets that end on {run.expected:,}", f"{kept:,}", f"{len(run.stayed):,}", kept == len(run.stayed) > 0
        ),
        none("sockets at which joined less left is not the count", sum(not _adds_up(run, line) for line in run.lines)),
        none("sockets at which a revision did not grow", sum(not _grows(run, line) for line in run.lines)),
        none("sockets that never heard anything", sum(not _counts(run, line) for line in run.stayed)),
        Promise("ghosts are gone after the kill", f"{gone_s:.1f} s", f"≤ {GONE_S:.0f} s", 0 < gone_s <= GONE_S),
    ]


def _counts(run: Run, line: Line) -> list[dict]:
    return [each.event for each in run.heard[line.name] if each.event["type"] in COUNTS]


def _adds_up(run: Run, line: Line) -> bool:
    """Who adds what changes has the count at every event, and types say what changed."""
    shown = None
    for event in _counts(run, line):
        shown = event["count"] if shown is None else shown + event["change"]
        if shown != event["count"] or event["type"] != TYPES.get(event["change"], "visitor_count"):
            return False
    return True


def _grows(run: Run, line: Line) -> bool:
    revisions = [event["revision"] for event in _counts(run, line)]
    return all(earlier < later for earlier, later in pairwise(revisions))


def _entering(run: Run) -> Delays:
    delays = Delays()
    for line in run.lines:
        for each in run.heard[line.name][:1]:
            delays.add(each.at_ns - line.opened_ns)
    return delays


def _deliveries(run: Run) -> Delays:
    """For each who came and each socket that was open by then: until a count showed them.

    No member leaves before the ghosts, so the n-th who came is known when the count is n.
    """
    came = sorted(_arrivals(run))
    delays = Delays()
    for line in run.lines:
        heard = [(each.event["count"], each.at_ns) for each in run.heard[line.name] if each.event["type"] in COUNTS]
        for (before, _), (count, at_ns) in pairwise(heard):
            for came_ns in came[before:count]:
                delays.add(at_ns - came_ns)
    return delays


def _arrivals(run: Run) -> Iterator[int]:
    """When each member opened the first socket that heard anything."""
    first: dict[int, int] = {}
    for line in run.lines:
        if run.heard[line.name]:
            first[line.member] = min(first.get(line.member, line.opened_ns), line.opened_ns)
    yield from first.values()
