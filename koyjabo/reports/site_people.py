"""The visitors of the site with and without an account. `community_people` has those of communities, as people."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.reports import site_people_queries
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.site_people_queries import PageViews

__all__ = ["PageViews", "SitePeople", "Split"]


class Split(NamedTuple):
    """Different visitors, and those of them who came with an account; None if it cannot be known exactly."""

    visitors: int | None
    authenticated: int | None

    @property
    def anonymous(self) -> int | None:
        return None if self.visitors is None or self.authenticated is None else self.visitors - self.authenticated


class SitePeople:
    """All methods wait, and raise StillCounting, LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, insights: Insights) -> None:
        self._database = database
        self._clock = clock
        self._insights = insights

    def between(self, first: str, last: str) -> Split:
        """Of the days `first` to `last`, both included."""
        question = Question(first, last)
        # first, so that the other number has all of these
        authenticated = self._database.report(site_people_queries.with_account, self._clock, question)
        return Split(self._insights.summary(question).figures.visitors, authenticated)

    def trend(self, first: str, last: str, granularity: str) -> list[tuple[str, Split]]:
        """Every period of a range, by name. Raises InvalidInput for too many."""
        question = Question(first, last)
        by_period = site_people_queries.with_account_by_period
        authenticated = self._database.report(by_period, self._clock, question, granularity)
        periods = self._insights.timeline(question, granularity)
        return [(each.period, Split(each.visitors, authenticated.get(each.period, 0))) for each in periods]

    def pages(self, scope: Scope, day: str) -> list[PageViews]:
        """The pages that were viewed on a day, those with the most views first; none if visits of it are folded."""
        return self._database.report(site_people_queries.pages, self._clock, Question(day, day, scope))
