"""Whether the ledger and the events hold what answers acknowledged, read from the database itself."""

from __future__ import annotations

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


def check_ledger(world: World) -> None:
    check_rows(world.journal, world.database.rows(ROWS))
    check_sums(world.journal, world.database.rows(SUMS)[0])
    verified = world.server.koyjabo("verify")
    if verified.returncode:
        world.journal.breach(f"koyjabo verify: {verified.stdout}{verified.stderr}")


def check_rows(journal: Journal, rows: list[tuple]) -> None:
    """`rows` are (id, ordinal, visitor, visit): every acknowledged visit is there once, nothing else but what was
    sent, and there is no gap.
    """
    for place, (number, ordinal, *_) in enumerate(rows, 1):
        if not number == ordinal == place:
            journal.breach(f"row {place} of the ledger is number {number} with ordinal {ordinal}")
            break
    stored = {(visitor, visit): ordinal for _, ordinal, visitor, visit in rows}
    if len(stored) != len(rows):
        journal.breach(f"{len(rows) - len(stored)} visits are in the ledger twice")
    for visit, ordinal in journal.acknowledged_visits.items():
        if visit not in stored:
            journal.note("visits lost")
            journal.breach(f"{visit} was acknowledged as {ordinal} and is not in the ledger")
        elif stored[visit] != ordinal:
            journal.breach(f"{visit} was acknowledged as {ordinal} and is {stored[visit]} in the ledger")
    if unknown := stored.keys() - journal.visits.keys():
        journal.breach(f"{len(unknown)} visits in the ledger were never sent, such as {min(unknown)}")
    journal.note("visits counted whose client had gone", len(stored) - len(journal.acknowledged_visits))


def check_sums(journal: Journal, sums: tuple) -> None:
    total, visits, unique, rows, visitors, daily, hourly, new = map(int, sums)
    if not (total == visits == rows == daily == hourly and unique == visitors == new):
        journal.breach(f"sums and recount differ: {sums}")


def check_events(world: World) -> None:
    rows = world.database.rows("SELECT visitor_id, event_id FROM events")
    sums = "SELECT coalesce(sum(count), 0) FROM event_sums WHERE scope = 'site' AND dimension = 'event'"
    check_event_rows(world.journal, [(visitor, event) for visitor, event in rows], int(world.database.rows(sums)[0][0]))


def check_event_rows(journal: Journal, rows: list[Visit], counted: int) -> None:
    """Every acknowledged event is there once, nothing else but what was sent, and sums agree with rows."""
    stored = set(rows)
    if len(stored) != len(rows) or counted != len(rows):
        journal.breach(f"{len(rows)} events are in {len(stored)} places, and {counted} in sums")
    if lost := journal.acknowledged_events - stored:
        journal.note("events lost", len(lost))
        journal.breach(f"{len(lost)} acknowledged events are not in the database, such as {min(lost)}")
    if unknown := stored - journal.events:
        journal.breach(f"{len(unknown)} events in the database were never sent, such as {min(unknown)}")
