"""Whether the database holds the events that were acknowledged."""

from __future__ import annotations

from chaos.book import Book
from chaos.event_bodies import Event
from chaos.world import World

ROWS = "SELECT visitor_id, event_id FROM events"
SUMS = "SELECT coalesce(sum(count), 0) FROM event_sums WHERE scope = 'site' AND dimension = 'event'"


def check_events(world: World) -> None:
    rows = [(visitor, event) for visitor, event in world.database.rows(ROWS)]
    check_event_rows(world.book, rows, int(world.database.rows(SUMS)[0][0]))


def check_event_rows(book: Book, rows: list[Event], counted: int) -> None:
    """Every acknowledged event is there once, nothing else but what was sent, and sums agree with rows."""
    stored = set(rows)
    if len(stored) != len(rows) or counted != len(rows):
        book.breach(f"{len(rows)} events are in {len(stored)} places, and {counted} in sums")
    if lost := book.acknowledged_events - stored:
        book.note("events lost", len(lost))
        book.breach(f"{len(lost)} acknowledged events are not in the database, such as {min(lost)}")
    if unknown := stored - book.events:
        book.breach(f"{len(unknown)} events in the database were never sent, such as {min(unknown)}")
