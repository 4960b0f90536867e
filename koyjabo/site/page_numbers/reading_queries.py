"""Reads stored sums of pages and later views, on the ledger's connection."""

import json
from dataclasses import dataclass

from koyjabo.counting.ledger_query import ReadRow
from .page_reading import MAX_ROWS_READ, SUMS_NOT_READY, PageReading, Position

PAGE_MARKS = f"""
    c.visits, (SELECT coalesce(max(id), 0) FROM events),
    coalesce((SELECT upto FROM watermarks WHERE name = 'page_visits'), {SUMS_NOT_READY}),
    coalesce((SELECT upto FROM watermarks WHERE name = 'page_events'), 0),
    coalesce((SELECT version FROM watermarks WHERE name = 'page_events'), 0)
"""
NEW_VISITS = f"""
    SELECT id, page, day FROM visits WHERE id > {{after}} AND page IS NOT NULL ORDER BY id LIMIT {MAX_ROWS_READ}
"""
NEW_PAGE_VIEWS = f"""
    SELECT id, page, day FROM events WHERE id > {{after}} AND name = 'pageview' AND page IS NOT NULL
    ORDER BY id LIMIT {MAX_ROWS_READ}
"""
# In one statement, so that sums and rows are of the same moment.
SQLITE_READING = f"""
SELECT c.epoch, {PAGE_MARKS}, (
    SELECT json_group_array(json_array(p.page, p.views, p.day, p.day_views)) FROM json_each(?3) j
    JOIN page_sums p ON p.page = j.value
), (
    SELECT json_group_array(json_array(id, page, day)) FROM ({NEW_VISITS.format(after="?1")})
), (
    SELECT json_group_array(json_array(id, page, day)) FROM ({NEW_PAGE_VIEWS.format(after="?2")})
) FROM counters c WHERE c.scope = 'site'
"""
POSTGRES_READING = f"""
SELECT c.epoch, {PAGE_MARKS}, ARRAY(
    SELECT json_build_array(p.page, p.views, p.day, p.day_views)::text FROM page_sums p WHERE p.page = ANY(%s)
), ARRAY(
    SELECT json_build_array(v.id, v.page, v.day)::text FROM ({NEW_VISITS.format(after="%s")}) AS v
), ARRAY(
    SELECT json_build_array(v.id, v.page, v.day)::text FROM ({NEW_PAGE_VIEWS.format(after="%s")}) AS v
) FROM counters c WHERE c.scope = 'site'
"""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Reads the sums of `pages`, and the views after a position."""

    after: Position
    pages: tuple[str, ...]

    def sqlite(self, read: ReadRow) -> PageReading:
        row = read(SQLITE_READING, (*self.after, json.dumps(self.pages)))
        epoch, visits, events, visits_mark, events_mark, version, sums, of_visits, of_events = row
        rows = (json.loads(of_visits), json.loads(of_events))
        return PageReading(epoch, (visits, events), (visits_mark, events_mark), version, json.loads(sums), rows)

    def postgres(self, read: ReadRow) -> PageReading:
        row = read(POSTGRES_READING, (list(self.pages), *self.after))
        epoch, visits, events, visits_mark, events_mark, version, sums, of_visits, of_events = row
        rows = [list(map(json.loads, texts)) for texts in (of_visits, of_events)]
        return PageReading(
            epoch, (visits, events), (visits_mark, events_mark), version, list(map(json.loads, sums)), rows
        )
