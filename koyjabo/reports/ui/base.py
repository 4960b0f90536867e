"""Where reports are shown, and which of their parts are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from koyjabo.base.models import SITE, Scope, Share
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.ranges import DEFAULT, NO_COMPARISON
from koyjabo.reports.query.report_query import Filters, Question
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.address import Pairs
from koyjabo.reports.ui.cards import Card
from koyjabo.reports.ui.timelines import Note

SHOWN = ("metric", "granularity", "tabs", "by", "offset", "find")
"""Parameters that select the shown parts of a view, in addition to the question's parameters."""


class ReportContext(NamedTuple):
    """The place where reports are shown. Pages set `path`, `annotate`, `share`, `notes` and `extra`, which do not
    affect reports.
    """

    name: str  # the kind of page; unique for each share link
    path: str
    reports: str  # the path of the API's reports
    scope: Scope = SITE
    reader: str = ""  # the user or share link that is charged for the reports
    cards: tuple[Card, ...] = cards.ALL
    filters: Filters = {}  # apply in addition to the URL's filters
    # Returns the notes of the days from first to last.
    notes: Callable[[str, str], Iterable[Note]] = lambda first, last: ()
    annotate: str = ""  # the path of the page where notes are added
    range: str = DEFAULT  # used if the URL has no range
    share: str = ""  # the path of the page that creates a share link for a view
    is_shared: bool = False  # for readers of a share link
    # Reads the page's other data from the same snapshot, without filters.
    extra: Callable[[Snapshot, Question], Any] | None = None
    compare: str = NO_COMPARISON  # used if the URL has no comparison
    switches: Pairs = ()  # filters used if the URL has no comparison


OVERVIEW = ReportContext("overview", "", "/api/reports")


def of_community(scope: Scope, reader: str) -> ReportContext:
    return ReportContext("community", "", f"/api/communities/{scope}/reports", scope, reader, cards.OF_A_COMMUNITY)


def of_link(link: Share, scope: Scope, filters: Filters) -> ReportContext:
    base = ReportContext(f"share {link.id}", "", "", scope, f"share {link.id}", cards.OF_A_COMMUNITY, filters)
    return base._replace(range=link.range or DEFAULT, is_shared=True)
