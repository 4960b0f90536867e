"""Where reports are shown, and which parameters select the shown parts."""

from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.models import SITE, Scope
from koyjabo.columns.query.report_query import Filters, ReportQuery
from koyjabo.reports.engine.snapshot_queries import Snapshot
from . import cards
from .card import Card

VIEW_PARAMETERS = ("metric", "granularity", "tabs", "by", "offset", "find")
"""Parameters that select the shown parts of a view, in addition to the query's parameters."""

COMMUNITY_REPORTS = "community"
"""The `name` of a community's reports."""


class ReportContext(NamedTuple):
    """The place where reports are shown. Pages set `path` and `extra`, which do not affect reports."""

    name: str  # the kind of page; unique for each public page
    path: str
    reports: str  # the path of the API's reports
    scope: Scope = SITE
    reader: str = ""  # the user or public page that is charged for the reports
    cards: tuple[Card, ...] = cards.SITE_CARDS
    filters: Filters = {}  # apply in addition to the URL's filters
    range: str = ""  # used if the URL has no range; "" for the `first_range`
    is_public: bool = False  # for readers without an account
    # Reads the page's other data from the same snapshot, without filters.
    extra: Callable[[Snapshot, ReportQuery], Any] | None = None


SITE_OVERVIEW = ReportContext("overview", "", "/api/reports")


def of_community(scope: Scope, reader: str) -> ReportContext:
    return ReportContext(
        COMMUNITY_REPORTS, "", f"/api/communities/{scope}/reports", scope, reader, cards.COMMUNITY_CARDS
    )
