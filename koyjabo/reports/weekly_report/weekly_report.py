"""Emails the weekly report to its subscribers on Sunday morning in TIMEZONE, from one worker across all servers.

A server that was down that morning does so when it is back (`koyjabo.base.jobs.claims`). The outbox accepts a week's
report to a user only once, so a worker that continues another worker's work sends no report twice.
"""

import logging
from collections.abc import Callable
from datetime import date

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import StillCounting
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.core.identity import Account
from koyjabo.base.core.runtime import Advance
from koyjabo.base.jobs.claims import DailyWork
from koyjabo.columns.dimensions.dimensions import dimension_of
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS
from . import queries
from .queries import week_before

log = logging.getLogger(__name__)

WORK_NAME, EMAIL_KIND = "weekly_report", "weekly"
"""Names of the nightly work, and of the kind of emails."""

MORNING_S = 8 * 3600
"""Seconds after the start of Sunday: 08:00, except on days when the clocks change."""

SUNDAY = 6
MAX_TOP_VALUES = 5
DIMENSION_OF_LIST = {"pages": "page", "sources": "source", "cities": "city", "countries": "country"}

Line = tuple[str, int, int]
"""A label, its visits, and its visits in the week before."""
DEFAULT_LANGUAGE = next(iter(LANGUAGES))


class WeeklyReport:
    """The weekly report. Call `tick` regularly, at least once a minute."""

    def __init__(self, base: Base) -> None:
        self._database, self._clock = base.database, base.clock
        self._insights = base.services[Insights]
        self._outbox = base.services[MailOutbox]
        self._work = DailyWork(base.database, base.clock, base.runtime, WORK_NAME, "weekly_report")

    def tick(self) -> None:
        """Start the work in a task if it is due, unless another worker has claimed it."""
        if self._outbox.is_on:
            today = self._clock.today()
            sunday = shifted(today, -((date.fromisoformat(today).weekday() - SUNDAY) % 7))
            has_come = self._clock.now_ms() >= 1000 * (self._clock.began_s(sunday) + MORNING_S)
            self._work.begin(sunday if has_come else shifted(sunday, -7), self._do)

    def is_subscriber(self, account: Account) -> bool:
        return self._database.read(queries.is_subscriber, account.id)

    def subscribe(self, account: Account, is_on: bool) -> None:
        """Send the report to an account from now on, or no longer."""
        self._database.write(queries.subscribe, account.id, is_on)

    def forget(self) -> None:
        """Make the next `tick` check in the database whether the week's report was written."""
        self._work.forget()

    def _do(self, sunday: str, renew: Advance) -> Callable[[], None] | None:
        week = ReportQuery(shifted(sunday, -7), shifted(sunday, -1))
        site = self._database.read(queries.of_site, week)
        try:
            lists = {language: top_values(self._insights, week, language) for language in LANGUAGES}
        except StillCounting:  # after an update
            return None
        count, last_id = 0, ""
        while recipients := self._database.read(queries.recipients, last_id):
            for to in recipients:
                communities = self._database.read(queries.of_communities, to, week)
                top = lists.get(to.language or DEFAULT_LANGUAGE, lists[DEFAULT_LANGUAGE]) if to.sees_panel else {}
                figures = {**site, **top, "communities": communities, "first": week.first, "last": week.last}
                email = self._outbox.email(EMAIL_KIND, to.email, to.language, f"weekly {sunday} {to.id}", **figures)
                self._database.write(lambda session: None, mail=email)
                renew(1)
            count, last_id = count + len(recipients), recipients[-1].id
        return lambda: log.info("weekly_report_done day=%s mails=%d", sunday, count)


def top_values(insights: Insights, week: ReportQuery, language: str) -> dict[str, list[Line]]:
    """Return the pages, sources and locations with the most visits in a week. Waits.

    Raises LedgerUnavailable, and StillCounting after an update.
    """
    weeks = (week, MAX_TOP_VALUES + 1), (week_before(week), MAX_BREAKDOWN_ROWS)  # visits without a value have a row
    requests = [BreakdownRequest(days, name, rows) for days, rows in weeks for name in DIMENSION_OF_LIST.values()]
    results = insights.read(requests, language)
    lists: dict[str, list[Line]] = {}
    for name, now, before in zip(DIMENSION_OF_LIST, results, results[len(DIMENSION_OF_LIST) :], strict=False):
        past = {row.value: row.sums.visits or 0 for row in before.rows}
        is_named = dimension_of(DIMENSION_OF_LIST[name]).is_named
        rows = [row for row in now.rows if is_named(row.value)][:MAX_TOP_VALUES]
        lists[name] = [(row.label, row.sums.visits or 0, past.get(row.value, 0)) for row in rows]
    cities, countries = lists.pop("cities"), lists.pop("countries")
    return {**lists, "places": cities or countries}  # the server needs a file for cities (GEOIP)
