"""The sums of the beginning of a day, for a comparison with a day that is still running."""

from __future__ import annotations

from pyroaring import BitMap
from sqlalchemy import text

from koyjabo.core.clock import Clock
from koyjabo.counting.id_range_queries import id_range
from koyjabo.reports.engine.rollups import day_queries, stored_queries
from koyjabo.reports.engine.rollups.range_queries import Range
from koyjabo.reports.engine.rollups.stored_queries import Merged, People, union
from koyjabo.reports.projection.encoding import HOUR, hour
from koyjabo.reports.projection.people import WITHOUT_NUMBER, unpacked

PART_OF_HOUR = text(f"""
SELECT coalesce(n.number, {WITHOUT_NUMBER} + coalesce(w.first_visit, v.id)) AS person,
       o.first_visit = v.id AS is_new, v.page IS NOT NULL AS has_page
FROM visits v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors o ON o.scope = :scope AND o.visitor_id = v.visitor_id
LEFT JOIN visitor_numbers n ON n.first_visit = w.first_visit
WHERE v.id > :after AND v.id <= :upto AND v.hour_s = :hour_s AND v.day = :day AND v.at_ms < :until_ms
AND (:scope = 'site' OR v.scope = :scope)
""")


def before(range_: Range, clock: Clock, until_ms: int) -> Merged | None:
    """The sums of the range's last day before a moment: whole hours, and the visits of the last one. None if the sums
    of its hours lack something, or the visits are folded.
    """
    if range_.last in range_.folded:
        return None
    day, hour_s = clock.bucket(until_ms)
    hours = _whole_hours(range_, clock.began_s(range_.last), hour_s) if day == range_.last else None
    return None if hours is None else hours.plus(_part(range_, hour_s, until_ms))


def _whole_hours(range_: Range, first_s: int, end_s: int) -> Merged | None:
    """Of the hours that begin from `first_s` to before `end_s`."""
    found, at = Merged(), (hour(first_s), hour(end_s - 1))
    counted = day_queries.by_hour(range_.session, range_.scope, first_s, end_s - 1)
    people: list[People] = [addition.people for _, addition in range_.additions(HOUR, *at)]
    visits = sum(addition.visits for _, addition in range_.additions(HOUR, *at))
    found.count = sum(addition.count for _, addition in range_.additions(HOUR, *at))
    for row in stored_queries.rows(range_.session, range_.scope, HOUR, *at):
        visits += row.visits
        found.count += row.count
        people.append(None if row.people is None else unpacked(bytes(row.people)))
    found.visits, found.new_visitors = (sum(each[at] for each in counted.values()) for at in (0, 1))
    found.people = union(people)
    return found if visits == found.visits else None


def _part(range_: Range, hour_s: int, until_ms: int) -> Merged:
    """Of the visits of an hour before a moment."""
    after, upto = id_range(range_.session, hour_s * 1000, until_ms)
    which = {"after": after, "upto": upto, "hour_s": hour_s, "day": range_.last, "until_ms": until_ms}
    rows = range_.session.execute(PART_OF_HOUR, {**which, "scope": range_.scope}).all()
    found = Merged()
    found.visits, found.new_visitors = len(rows), sum(bool(row.is_new) for row in rows)
    found.count, found.people = sum(bool(row.has_page) for row in rows), BitMap([row.person for row in rows])
    return found
