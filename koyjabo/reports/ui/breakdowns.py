"""A dimension's list: its values and their numbers. Each value is a link that adds it to the filters."""

from typing import NamedTuple

from flask_babel import gettext

from koyjabo.columns.dimensions.dimensions import Value, dimension_of, has_many
from koyjabo.columns.query.groups import Sums
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.reports.engine.results import Breakdown, Row
from koyjabo.reports.query.parameters import escaped
from koyjabo.web.i18n import count
from .cards import label
from .figures import change
from .page_address import PageAddress, Pairs

MAX_LINES_IN_CARD, MAX_LINES_IN_LIST = 8, 50
MAX_GONE_VALUES, NO_SUMS = 5, Sums(0, 0, 0, 0)


class Line(NamedTuple):
    value: Value
    label: str
    url: str  # of the view filtered by this value, or without that filter if it is active; "" if it is not needed
    is_chosen: bool
    number: int  # visits, or the page views or events that the dimension counts
    sums: Sums
    percent: float  # of the visits; for events, of the visitors
    change: float | str | None = None


class Values(NamedTuple):
    dimension: str
    lines: list[Line]
    other: Sums
    other_values: int
    total: Sums
    values: int
    offset: int
    is_counted: bool  # whether it counts page views or events
    searched: int | None = None  # number of values searched for these lines; None if they are not search results

    @property
    def label(self) -> str:
        return label(self.dimension)

    def is_named(self, value: Value) -> bool:
        return dimension_of(self.dimension).is_named(value)

    @property
    def has_others(self) -> bool:
        """Whether there are visits with other values. Those values may not be shown (specification: Share links)."""
        return self.searched is None and (self.other_values > 0 or bool(self.other_number))

    @property
    def other_number(self) -> int:
        return self.other.count or 0 if self.is_counted else self.other.visits

    @property
    def largest(self) -> int:
        """The largest number in any line, at least 1."""
        return max((line.number for line in self.lines), default=0) or 1

    def matching(self, text: str) -> "Values":
        """Return the lines whose label contains a text."""
        lines = [line for line in self.lines if text.casefold() in line.label.casefold()]
        return self._replace(lines=lines, values=len(lines), searched=self.values - self.other_values)

    def page(self, offset: int) -> "Values":
        return self._replace(lines=self.lines[offset : offset + MAX_LINES_IN_LIST], offset=offset)


class Pages(NamedTuple):
    """A page of a dimension's whole list, with links to the previous and next pages."""

    values: Values
    text: str  # the text searched for
    before: str
    after: str
    words: str  # which lines these are
    kept: Pairs  # other fields that the search form sends


def values(
    now: Breakdown,
    before: Breakdown | None,
    query: ReportQuery,
    dimension: str,
    address: PageAddress | None,
    offset: int,
    per_day: float = 1.0,
) -> Values:
    """Return the lines. `before` has as many values for the compared days as one report can have. For `per_day`, see
    `ViewPlan`.
    """
    past = {row.value: _number(row.sums, dimension) for row in before.rows} if before else {}
    others_before = 0 if before and before.is_whole else None
    rows = list(now.rows)
    if before and now.is_whole:  # add the largest values that only the compared days have
        present = {row.value for row in rows}
        gone = [row for row in before.rows if row.value not in present]
        rows += [Row(row.value, row.label, NO_SUMS, 0.0) for row in gone[:MAX_GONE_VALUES]]
        rows.sort(key=lambda row: dimension_of(dimension).place(row.value))
    rows.sort(key=lambda row: not dimension_of(dimension).is_named(row.value))
    chosen = query.filters.get(dimension, Filter()).any_of
    lines = []
    for row in rows:
        number, is_chosen = _number(row.sums, dimension), row.value in chosen
        url, own = "", escaped(row.value)
        if address:
            url = str(address.removing(dimension, own) if is_chosen else address.adding(dimension, own))
        changed = change(number, past.get(row.value, others_before), per_day)
        share = row.share if row.visitor_share is None else row.visitor_share
        lines.append(Line(row.value, row.label, url, is_chosen, number, row.sums, 100 * (share or 0), changed))
    others = now.values - len(now.rows)
    return Values(dimension, lines, now.other, others, now.total, now.values, offset, now.is_counted)


def pages(listed: Values, text: str, address: PageAddress) -> Pages:
    """Return a page of the list. The lines in `listed` start at its offset."""
    kept = address.without({"find", "offset"})
    at = address.having({"find": text or None})
    before = str(at.having({"offset": str(max(listed.offset - MAX_LINES_IN_LIST, 0))})) if listed.offset else ""
    end = min(listed.offset + len(listed.lines), listed.values)
    after = str(at.having({"offset": str(end)})) if end < listed.values else ""
    words = gettext("Nothing found.")
    if listed.lines:
        numbers = {"first": count(listed.offset + 1), "last": count(end), "all": count(listed.values)}
        words = gettext("%(first)s to %(last)s of %(all)s", **numbers)
    if listed.searched is not None and listed.other_values:
        words = " · ".join((words, gettext("searched in the %(count)s largest", count=count(listed.searched))))
    return Pages(listed, text, before, after, words, kept.pairs)


def _number(sums: Sums, dimension: str) -> int:
    return sums.count or 0 if has_many(dimension) else sums.visits
