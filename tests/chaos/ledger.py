"""Checks, in the database itself, that the ledger and the events contain everything acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from chaos.journal import Journal, Visit
from chaos.world import World

ROWS = "SELECT id, ordinal, visitor_id, visit_id FROM visits ORDER BY id"
SUMS = """
SELECT (SELECT total FROM counters WHERE scope = 'site'), (SELECT visits FROM counters WHERE scope = 'site'),
       (SELECT unique_visitors FROM counters WHERE scope = 'site'), (SELECT count(*) FROM visits),
       (SELECT count(DISTINCT visitor_id) FROM visits), (SELECT sum(visits) FROM daily_visits WHERE scope = 'site'),
       (SELECT sum(visits) FROM hourly_visits WHERE scope = 'site'),
       (SELECT sum(new_visitors) FROM daily_visits WHERE scope = 'site')
"""


LOST = """
SELECT total_before, total_after FROM adjustments WHERE scope = 'site' AND kind = 'rolled_back' ORDER BY id
"""

Span = tuple[int, int]
"""(total before, total after) of an adjustment. The ordinals between them are lost."""


def check_ledger(world: World) -> None:
    lost = [(int(before), int(after)) for before, after in world.database.rows(LOST)]
    if len(lost) > len(world.journal.lost_spans):  # fewer if a rollback lost nothing
        world.journal.breach(f"the database was rolled back {len(world.journal.lost_spans)} times, and {lost} say so")
    check_rows(world.journal, world.database.rows(ROWS), lost)
    check_sums(world.journal, world.database.rows(SUMS)[0], lost)
    verified = world.server.koyjabo("verify")
    if verified.returncode:
        world.journal.breach(f"koyjabo verify: {verified.stdout}{verified.stderr}")


def check_rows(journal: Journal, rows: list[tuple], lost: Sequence[Span] = ()) -> None:
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
        if ordinal in gone and journal.is_lost(visit):
            journal.note("visits lost when the database was rolled back")
        elif visit not in stored:
            journal.note("visits lost")
            journal.breach(f"{visit} was acknowledged as {ordinal} and is not in the ledger")
        elif stored[visit] != ordinal:
            journal.breach(f"{visit} was acknowledged as {ordinal} and is {stored[visit]} in the ledger")
    if unknown := stored.keys() - journal.visits.keys():
        journal.breach(f"{len(unknown)} visits in the ledger were never sent, such as {min(unknown)}")
    held = [visit for visit in journal.acknowledged_visits if visit in stored]
    journal.note("visits counted whose client had gone", len(stored) - len(held))


def check_sums(journal: Journal, sums: tuple, lost: Sequence[Span] = ()) -> None:
    total, visits, unique, rows, visitors, daily, hourly, new = map(int, sums)
    adjusted = sum(after - before for before, after in lost)
    if not (total - adjusted == visits == rows == daily == hourly and unique == visitors == new):
        journal.breach(f"sums and recount differ: {sums}, {lost} lost")


def check_events(world: World) -> None:
    rows = world.database.rows("SELECT visitor_id, event_id FROM events")
    check_event_rows(world.journal, [(visitor, event) for visitor, event in rows])


def check_event_rows(journal: Journal, rows: list[Visit]) -> None:
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
