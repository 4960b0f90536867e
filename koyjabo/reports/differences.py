"""Explains the difference in visits between two ranges, in one exact sentence.

The values of a dimension add up to all visits in a range, so their gains and losses add up to the whole difference. A
value is named only if it explains part of the difference.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.people.mail.contents import Localizer
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest, SummaryRequest
from koyjabo.reports.engine.results import MAX_ROWS, Breakdown, Row
from koyjabo.reports.query.report_query import Question, Value

SUBJECTS = {"source": "source", "page": "page", "city": "place", "country": "place"}
"""The subject of each dimension. At most one value is named per subject: for example, either a city or a country."""

MAX_NAMED = 2
FEWEST, MIN_SHARE = 5, 0.1
"""A value is named if it gained or lost at least FEWEST visits, and at least this share of the difference."""

MOSTLY = 0.8
"""A value with more than this share of the visits in both ranges is not named, such as the country that nearly all
visits come from.
"""


class Contribution(NamedTuple):
    """A value, and its visits in both ranges."""

    dimension: str
    value: Value
    label: str
    visits: int
    before: int

    @property
    def more(self) -> int:
        """How many more visits there are; negative for fewer."""
        return self.visits - self.before


class Explanation(NamedTuple):
    """The visits of both ranges, and the values that explain the difference, largest first."""

    visits: int
    before: int
    changes: list[Contribution]

    @property
    def more(self) -> int:
        return self.visits - self.before


def difference(insights: Insights, now: Question, before: Question, language: str) -> Explanation | None:
    """Explain the difference between two ranges, or return None if the number of visits in either is not known. Waits.

    Labels are in `language`. Raises LedgerUnavailable, StillCounting, and TooBusy for readers of share links.
    """
    breakdowns = [BreakdownRequest(range_, name, MAX_ROWS) for name in SUBJECTS for range_ in (now, before)]
    summary, *results = insights.read([SummaryRequest(now, before), *breakdowns], language)
    visits, past = summary.figures.visits, summary.compared.visits
    if visits is None or past is None:
        return None
    pairs = zip(SUBJECTS, results[::2], results[1::2], strict=True)
    changes = chain.from_iterable(changes_by(*pair) for pair in pairs)
    return Explanation(visits, past, _largest(changes, visits, past))


def changes_by(dimension: str, now: Breakdown, before: Breakdown) -> Iterator[Contribution]:
    """Yield all values of a dimension whose visits are known in both ranges."""
    rows, past = ({row.value: row for row in breakdown.rows} for breakdown in (now, before))
    for value in {**rows, **past}:
        row, old = rows.get(value), past.get(value)
        if (row is None and not now.is_whole) or (old is None and not before.is_whole):
            continue
        visits, earlier = _visits(row), _visits(old)
        if visits is not None and earlier is not None:
            yield Contribution(dimension, value, (row or past[value]).label, visits, earlier)


def _visits(row: Row | None) -> int | None:
    if row is None:
        return 0
    return None if row.at_least else row.sums.visits


def _largest(changes: Iterator[Contribution], visits: int, before: int) -> list[Contribution]:
    least = max(FEWEST, MIN_SHARE * abs(visits - before))
    explaining = [change for change in changes if abs(change.more) >= least and _explains(change, visits, before)]
    by_subject: dict[str, Contribution] = {}
    for change in sorted(explaining, key=lambda change: (-abs(change.more), change.dimension, change.label)):
        by_subject.setdefault(SUBJECTS[change.dimension], change)
    return list(by_subject.values())[:MAX_NAMED]


def _explains(change: Contribution, visits: int, before: int) -> bool:
    is_opposite = change.more * (visits - before) <= 0  # a fall explains no rise
    is_unknown = change.value is None and change.dimension != "source"  # a visit without a source is direct
    is_usual = change.visits > MOSTLY * visits and change.before > MOSTLY * before
    return not (is_opposite or is_unknown or is_usual)


# Sentences. The lead names the range: "1,835 visits yesterday".

MORE, FEWER = N_("%(percent)s more than %(range)s"), N_("%(percent)s fewer than %(range)s")
AS_MANY, NONE_BEFORE = N_("as many as %(range)s"), N_("none %(range)s")
ABOUT_AS_MANY = N_("about as many as %(range)s")
CHANGE, LAST_CHANGE, PAGE = N_("%(change)s,"), N_("%(change)s."), N_("page %(path)s")
COMPARED, EXPLAINED = N_("%(visits)s, %(comparison)s."), N_("%(visits)s, %(comparison)s:")


LEADS: Mapping[str, tuple[str, str, str]] = {
    "day": (N_("No visits yesterday"), N_("1 visit yesterday"), N_("%(count)s visits yesterday")),
    "week": (N_("No visits last week"), N_("1 visit last week"), N_("%(count)s visits last week")),
}


def described(speech: Localizer, explanation: Explanation, length: str, range_: str) -> list[str]:
    """Return the sentence up to the named values, and each named value with its change, such as "google.com +337".
    `length` is a key of LEADS, and `range_` is the range compared with, such as "the Sunday before".
    """
    visits, before, more = explanation.visits, explanation.before, explanation.more
    comparison, percent = NONE_BEFORE if more and not before else AS_MANY, ""
    if before:
        percent = speech.count(rounded := round(100 * abs(more) / before)) + "%"
        if more:
            comparison = ABOUT_AS_MANY if not rounded else MORE if more > 0 else FEWER
    lead = speech.say(LEADS[length][min(visits, 2)], count=speech.count(visits))
    words = speech.say(comparison, percent=percent, range=range_)
    parts = [speech.say(EXPLAINED if explanation.changes else COMPARED, visits=lead, comparison=words)]
    for change in explanation.changes:
        name = speech.say(PAGE, path=change.label) if change.dimension == "page" else change.label
        text = f"{name} {'+' if change.more > 0 else '−'}{speech.count(abs(change.more))}"
        parts.append(speech.say(LAST_CHANGE if change == explanation.changes[-1] else CHANGE, change=text))
    return parts
