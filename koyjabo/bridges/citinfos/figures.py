"""Figures of the site or of a community, from the services that have them. None: it cannot be known exactly."""

from __future__ import annotations

from koyjabo.core.clock import iso
from koyjabo.models import SITE, Scope
from koyjabo.reports.people.reports import DAILY, HOURLY, WEEKLY, Growth
from koyjabo.reports.people.site_people import Split
from koyjabo.reports.query.periods import DAY, HOUR, MONTH, WEEK, spans
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import PeopleServices, ReportServices
from koyjabo.reports.ui.date_ranges import Range
from koyjabo.webkit.current import current

GRANULARITIES = {HOUR: HOURLY, DAY: DAILY, WEEK: WEEKLY}


def people(scope: Scope, days: Range) -> Split:
    """Different visitors; of a community, different people."""
    if scope == SITE:
        return current()[ReportServices].site_people.between(*days)
    found = current()[PeopleServices].reports.visitors(scope, *days).people
    return Split(sum(found), found.authenticated)


def trend(scope: Scope, days: Range, interval: str) -> list[tuple[str, Split]]:
    """Every period of a range, by name."""
    if scope == SITE:
        return current()[ReportServices].site_people.trend(*days, interval)
    if interval in GRANULARITIES:
        found = current()[PeopleServices].reports.trend(scope, GRANULARITIES[interval], *days)
        return [(each.period, Split(sum(each.people), each.people.authenticated)) for each in found]
    return [(name, people(scope, Range(*span))) for name, span in spans(*days, MONTH).items()]


def views(scope: Scope, days: Range) -> int | None:
    return current()[ReportServices].reports.summary(Question(*days, scope)).figures.page_views


def rate(now: int | None, before: int | None) -> float | None:
    """The growth in percent, as reports have it (specification: Visitor reports)."""
    return None if now is None or before is None else Growth(now, before, 0).rate


def percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def timestamp() -> str:
    return iso(current().clock.now_ms())
