"""A question's visits by a key. Each call adds only the visits since the last call."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from typing import Any

from pyroaring import BitMap

from koyjabo.core.clock import Clock
from koyjabo.models import SITE
from koyjabo.reports.live.followed import Followed
from koyjabo.reports.log.blocks import Block, Rows
from koyjabo.reports.log.log import Log
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.dimensions import NEW, RETURNING, TRAITS, VISITOR_KIND, has_many
from koyjabo.reports.query.groups import EVERYTHING, PERIODS, WEEKDAY, Group
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.periods import DAY, HOUR, MONTH, WEEK, period_of, weekday_of
from koyjabo.reports.query.report_query import Question

KINDS = {True: (RETURNING, NEW, RETURNING, NEW), False: (RETURNING, RETURNING, NEW, NEW)}
"""The value of VISITOR_KIND for each value of `new_in`, by whether the scope is the site."""

Check = Callable[[Rows], None]
"""Keeps only the rows that pass."""


def names(block: Block, key: str, clock: Clock, is_site: bool) -> tuple[str, Sequence[Any]]:
    """Return the column of a key, and the name of each number in this column."""
    values = block.values
    if key == EVERYTHING:
        return "new_in", (None,) * 4
    if key == VISITOR_KIND:
        return "new_in", KINDS[is_site]
    if key in TRAITS:
        at = TRAITS.index(key)
        return "traits", [traits[at] for traits in values["traits"]]
    if key == COMMUNITY:
        return "scope", [None if scope == SITE else scope for scope in values["scope"]]
    if key in (DAY, WEEK, MONTH):
        return "day", [period_of(day, key) for day in values["day"]]
    if key in (HOUR, WEEKDAY):
        local = list(map(clock.local, values["hour_s"]))
        return "hour_s", local if key == HOUR else list(map(weekday_of, local))
    return key, values[key]


NAME_SIZE, CONTAINER, CONTAINER_SIZE = 500, 65_536, 8_192
"""Bytes that a name takes, and the maximum bytes of a bitmap per CONTAINER numbers."""


class VisitCounts:
    """Visits, first visits, visits with a page, and visitors, by name."""

    def __init__(self, has_pages: bool) -> None:
        self._has_pages = has_pages
        self._visits, self._new, self._pages = Counter[Any](), Counter[Any](), Counter[Any]()
        self._people: defaultdict[Any, BitMap] = defaultdict(BitMap)
        self.groups: dict[Any, Group] = {}
        """Caches groups, because a visit changes the numbers of only a few names."""
        self.size = 0
        """An upper estimate of bytes in memory."""

    def add(self, rows: Rows, column: str, names: Sequence[Any], is_site: bool) -> None:
        values = rows.named(column, names)
        by_name: defaultdict[Any, list[int]] = defaultdict(list)
        for name, visitor in zip(values, rows.column("visitor"), strict=True):
            by_name[name].append(visitor)
        for name, visitors in by_name.items():
            before = self._visits[name]
            self._visits[name] += len(visitors)
            self.size += _size(self._visits[name], rows) - (before and _size(before, rows))
            self._people[name].update(visitors)
        are_new = rows.named("new_in", [kind == NEW for kind in KINDS[is_site]])
        self._new.update(compress(values, are_new))
        if self._has_pages:
            has_page = rows.named("page", [page is not None for page in rows.block.values["page"]])
            self._pages.update(compress(values, has_page))
        for name in by_name:
            self.groups[name] = Group(self._visits[name], self._new[name], self._pages[name], self._people[name])


def _size(visits: int, rows: Rows) -> int:
    return NAME_SIZE + min(2 * visits, CONTAINER_SIZE * (1 + rows.block.last // CONTAINER))


class VisitSums(Followed[VisitCounts]):
    """The visits of one question by key. `passes` keeps the visits of its scope that pass its filters."""

    def __init__(self, question: Question, clock: Clock, passes: Check) -> None:
        super().__init__(question, clock)
        self._passes = passes

    def by(
        self, session: Reading, log: Log, key: str, until_ms: int | None, others: Collection[str] = ()
    ) -> Mapping[Any, Group]:
        """Group the visits by a key. The same pass also reads the keys in `others`."""
        return self.followed(session, log, key, until_ms, others).groups

    def leave(self, rows: Rows, until_ms: int | None) -> None:
        """Keep only the visits of the question. `rows` may be from any day."""
        first, last = self.question.first, self.question.last
        rows.check("day", [first <= day <= last for day in rows.block.values["day"]])
        if until_ms is not None:
            rows.keep_moments(self.near(until_ms), 0, until_ms)
        self._passes(rows)

    def size_of(self, sums: VisitCounts) -> int:
        return sums.size

    def _new(self, key: str) -> VisitCounts:
        return VisitCounts(key in PERIODS)

    def _add(self, session: Reading, sums: VisitCounts, key: str, rows: Rows) -> None:
        sums.add(rows, *names(rows.block, key, self.clock, self._is_site), self._is_site)

    def _check(self, session: Reading, rows: Rows) -> None:
        self._passes(rows)

    @property
    def _is_site(self) -> bool:
        return self.question.scope == SITE


def check(rows: Rows, question: Question, clock: Clock) -> None:
    """Keep the scope's visits that pass all filters on visits. Filters on events are not applied here."""
    block, is_site = rows.block, question.scope == SITE
    if not is_site:
        rows.check("scope", [scope == question.scope for scope in block.values["scope"]])
    for key, filter_ in question.filters.items():
        if not has_many(key):
            column, named = names(block, key, clock, is_site)
            rows.check(column, [filter_.passes(() if name is None else (name,), name is None) for name in named])
