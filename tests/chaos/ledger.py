"""Checks, in the database itself, that ledger, events and attended times contain everything acknowledged, once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

from chaos.journal import Journal, Visit
from chaos.world import World
from koyjabo.counting.evidence.attendance_writer import WRITE_ATTENDANCE_S
from koyjabo.counting.evidence.spans import Span, union

ROWS = "SELECT id, ordinal, visitor_id, visit_id FROM visits ORDER BY id"
SUMS = """
SELECT (SELECT total FROM counters WHERE scope = 'site'), (SELECT visits FROM counters WHERE scope = 'site'),
       (SELECT unique_visitors FROM counters WHERE scope = 'site'), (SELECT count(*) FROM visits),
       (SELECT count(DISTINCT visitor_id) FROM visits), (SELECT sum(visits) FROM daily_visits WHERE scope = 'site'),
       (SELECT sum(visits) FROM hourly_visits WHERE scope = 'site'),
       (SELECT sum(new_visitors) FROM daily_visits WHERE scope = 'site')
"""
LOST = "SELECT total_before, total_after FROM adjustments WHERE scope = 'site' AND kind = 'rolled_back' ORDER BY id"
"""Adjustments. The ordinals between the two totals are lost."""

EVENTS = "SELECT visitor_id, event_id FROM events"
ATTENDED = "SELECT visitor_id, visit_id, attended_ms FROM visits WHERE visit_id = 'open'"
SLACK_MS = 2_000  # how much later than its client the server may notice that a connection has ended, ms
FROZEN_S = 5.0  # how long a fault freezes a worker


def check_ledger(world: World) -> None:
    journal = world.journal
    lost = [(int(before), int(after)) for before, after in world.rows(LOST)]
    if len(lost) > len(journal.lost_spans):  # fewer if a rollback lost nothing
        journal.breach(f"the database was rolled back {len(journal.lost_spans)} times, and {lost} say so")
    check_rows(journal, world.rows(ROWS), lost)
    check_sums(journal, world.rows(SUMS)[0], lost)
    check_events(journal, [(visitor, event) for visitor, event in world.rows(EVENTS)])
    verified = world.server.koyjabo("verify")
    if verified.returncode:
        journal.breach(f"koyjabo verify: {verified.stdout}{verified.stderr}")


def check_rows(journal: Journal, rows: list[tuple], lost: Sequence[tuple[int, int]] = ()) -> None:
    """Check the rows (id, ordinal, visitor, visit). Each acknowledged visit must be there once, unless an adjustment
    lost it. Only visits that were sent may be there, and there must be no other gaps.
    """
    gone = {ordinal for before, after in lost for ordinal in range(before + 1, after + 1)}
    expected = (ordinal for ordinal in count(1) if ordinal not in gone)
    for place, (number, ordinal, *_) in enumerate(rows, 1):
        if not (number == place and ordinal == next(expected)):
            journal.breach(f"row {place} of the ledger is number {number} with ordinal {ordinal}")
            break
    stored = {(visitor, visit): ordinal for _, ordinal, visitor, visit in rows}
    if len(stored) != len(rows):
        journal.breach(f"{len(rows) - len(stored)} visits are in the ledger twice")
    for visit, ordinal in journal.acknowledged_visits.items():
        if ordinal in gone and journal.may_be_lost(journal.visits[visit].at):
            journal.note("visits lost when the database was rolled back")
        elif visit not in stored:
            journal.note("visits lost")
            journal.breach(f"{visit} was acknowledged as {ordinal} and is not in the ledger")
        elif stored[visit] != ordinal:
            journal.breach(f"{visit} was acknowledged as {ordinal} and is {stored[visit]} in the ledger")
    if unknown := stored.keys() - journal.visits.keys():
        journal.breach(f"{len(unknown)} visits in the ledger were never sent, such as {min(unknown)}")
    journal.note("visits counted whose client had gone", len(stored.keys() - journal.acknowledged_visits.keys()))


def check_sums(journal: Journal, sums: tuple, lost: Sequence[tuple[int, int]] = ()) -> None:
    total, visits, unique, rows, visitors, daily, hourly, new = map(int, sums)
    adjusted = sum(after - before for before, after in lost)
    if not (total - adjusted == visits == rows == daily == hourly and unique == visitors == new):
        journal.breach(f"sums and recount differ: {sums}, {lost} lost")


def check_events(journal: Journal, rows: list[Visit]) -> None:
    """Check that every acknowledged event is stored once, and that only events that were sent are stored."""
    stored = set(rows)
    if len(stored) != len(rows):
        journal.breach(f"{len(rows)} events are in {len(stored)} places")
    missing = journal.acknowledged_events.keys() - stored
    if lost := {event for event in missing if not journal.may_be_lost(journal.acknowledged_events[event])}:
        journal.note("events lost", len(lost))
        journal.breach(f"{len(lost)} acknowledged events are not in the database, such as {min(lost)}")
    if unknown := stored - journal.events:
        journal.breach(f"{len(unknown)} events in the database were never sent, such as {min(unknown)}")


def check_attended(world: World) -> None:
    """Check the times of all pages. Call it when the server has left, and has written them."""
    spans: dict[Visit, list[Span]] = defaultdict(list)
    for page in world.pages:
        spans[page.visit] += [(round(1000 * began), round(1000 * ended)) for began, ended in page.line.times_open]
    attended_ms = {(visitor, visit): attended_ms or 0 for visitor, visit, attended_ms in world.rows(ATTENDED)}
    check_times(world.journal, attended_ms, spans)


def check_times(journal: Journal, attended_ms: dict[Visit, int], spans: dict[Visit, list[Span]]) -> None:
    """Check that each visit was attended, and for no longer than one of its pages was open.

    If the clock is set, each worker follows within WRITE_ATTENDANCE_S, or after it was frozen. Until then, time on
    two workers may count twice.
    """
    twice_ms = journal.clock_steps * 1000 * (WRITE_ATTENDANCE_S + FROZEN_S)
    for visit, parts in spans.items():
        open_ms, counted_ms = sum(ended - began for began, ended in union(parts)), attended_ms.get(visit, 0)
        journal.note("seconds that pages of visits were open", open_ms // 1000)
        journal.note("seconds of these attended", counted_ms // 1000)
        if not 0 < counted_ms <= open_ms + SLACK_MS * len(parts) + twice_ms:
            journal.breach(f"{visit} was open for {open_ms} ms, and attended for {counted_ms}")
