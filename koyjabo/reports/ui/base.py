"""Where Insights is shown, and what of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from koyjabo.models import SITE, Scope
from koyjabo.reports.query.ranges import DEFAULT
from koyjabo.reports.query.report_query import Filters
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.cards import Card
from koyjabo.reports.ui.timelines import Note


class Base(NamedTuple):
    path: str
    reports: str  # the path of the API's reports
    scope: Scope = SITE
    cards: tuple[Card, ...] = cards.ALL
    filters: Filters = {}  # they hold beside those of the address
    notes: Callable[[str, str], Iterable[Note]] = lambda first, last: ()  # of the days from first to last
    lists: str = ""  # the path to which lines of lists lead, if that is another page
    annotate: str = ""  # the path of the page on which notes are added
    range: str = DEFAULT  # of an address without one
    share: str = ""  # the path of the page that makes a share link of a view
    is_shared: bool = False  # for readers of a share link
