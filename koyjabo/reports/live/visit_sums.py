"""A question's visits by a key. Each call adds only the visits since the last call."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

from pyroaring import BitMap

from koyjabo.core.clock import Clock
from koyjabo.evidence.facts import ARE_ATTENDED, ARE_MEASURED, CHANGING, VALUES
from koyjabo.models import SITE
from koyjabo.reports.live.followed import Followed
from koyjabo.reports.log.blocks import Block, Rows, Seen
from koyjabo.reports.log.log import Changed, Changes, Log
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.dimensions import NEW, RETURNING, TRAITS, VISITOR_KIND, has_many
from koyjabo.reports.query.groups import EVERYTHING, PERIODS, WEEKDAY, Attended, Group
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.periods import DAY, HOUR, MONTH, WEEK, period_of, weekday_of
from koyjabo.reports.query.report_query import Question, passes_none

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
    if key in VALUES:
        return "facts", VALUES[key]
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
        self._attended, self._attended_ms = Counter[Any](), Counter[Any]()
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
        self._attended.update(compress(values, rows.named("facts", ARE_ATTENDED)))
        for name, length_ms in zip(values, rows.column("attended_ms"), strict=True):
            self._attended_ms[name] += length_ms
        for name in by_name:
            self._group(name)

    def adjust(self, rows: Rows, before: Changes, column: str, names: Sequence[Any]) -> None:
        """Follow changes of attended times. `before` has the earlier ones."""
        now = zip(rows.column("id"), rows.column("attended_ms"), rows.column("facts"), strict=True)
        for name, (id, length_ms, facts) in zip(rows.named(column, names), now, strict=True):
            length_before_ms, facts_before = before[id]
            self._attended[name] += ARE_ATTENDED[facts] - ARE_ATTENDED[facts_before]
            self._attended_ms[name] += length_ms - length_before_ms
            self._group(name)

    def _group(self, name: Any) -> None:
        visits, new, pages, people = self._visits[name], self._new[name], self._pages[name], self._people[name]
        attended, length_ms = self._attended[name], self._attended_ms[name]
        self.groups[name] = Group(visits, new, pages, people, None, attended, length_ms)


def _size(visits: int, rows: Rows) -> int:
    return NAME_SIZE + min(2 * visits, CONTAINER_SIZE * (1 + rows.block.last // CONTAINER))


class VisitSums(Followed[VisitCounts]):
    """The visits of one question by key. `passes` keeps the visits of its scope that pass its filters."""

    def __init__(self, question: Question, clock: Clock, passes: Check) -> None:
        super().__init__(question, clock)
        self.check_filters = passes

    def by(
        self, session: Reading, log: Log, key: str, until_ms: int | None, others: Collection[str] = ()
    ) -> Mapping[Any, Group]:
        """Group the visits by a key. The same pass also reads the keys in `others`."""
        return self.followed(session, log, key, until_ms, others).groups

    def adjust(self, changed: Changed) -> None:
        """Follow changes of attended times."""
        places = defaultdict(list)
        for key in CHANGING & self._by_key.keys():
            del self._by_key[key]
        for key, place in self._by_key.items():
            places[place.at].append((key, place.sums))
        for (upto, until_ms), these in places.items():
            rows = changed.until(upto)
            self.leave(rows, until_ms)
            for key, sums in these if rows else ():
                sums.adjust(rows, changed.before, *names(rows.block, key, self.clock, self._is_site))

    def leave(self, rows: Rows, until_ms: int | None) -> None:
        """Keep only the visits of the question. `rows` may be from any day."""
        first, last = self.question.first, self.question.last
        rows.check("day", [first <= day <= last for day in rows.block.values["day"]])
        if until_ms is not None:
            rows.keep_moments(self.near(until_ms), 0, until_ms)
        self.check_filters(rows)

    def size_of(self, sums: VisitCounts) -> int:
        return sums.size

    def _new(self, key: str) -> VisitCounts:
        return VisitCounts(key in PERIODS)

    def _add(self, session: Reading, sums: VisitCounts, key: str, rows: Rows) -> None:
        sums.add(rows, *names(rows.block, key, self.clock, self._is_site), self._is_site)

    def _check(self, session: Reading, rows: Rows) -> None:
        self.check_filters(rows)

    @property
    def _is_site(self) -> bool:
        return self.question.scope == SITE


class Lengths(Followed[Counter[int]]):
    """How many measured visits have each length in whole seconds. `visits` are the sums of the same question."""

    def __init__(self, visits: VisitSums) -> None:
        super().__init__(visits.question, visits.clock)
        self._visits = visits

    def median_s(self, session: Reading, log: Log, until_ms: int | None) -> int | None:
        """Return the lower median, or None without a measured visit."""
        visits = self.followed(session, log, EVERYTHING, until_ms)
        left = (visits.total() + 1) // 2
        for length_s in sorted(visits):
            left -= visits[length_s]
            if left <= 0:
                return length_s
        return None

    def adjust(self, changed: Changed) -> None:
        """Follow changes of attended times."""
        for place in self._by_key.values():
            rows = changed.until(place.upto)
            self._visits.leave(rows, place.until_ms)
            place.sums.subtract(_lengths_s(map(changed.before.__getitem__, rows.column("id"))))
            place.sums.update(_lengths_s(zip(rows.column("attended_ms"), rows.column("facts"), strict=True)))

    def size_of(self, sums: Counter[int]) -> int:
        return 200 * len(sums)

    def _new(self, key: str) -> Counter[int]:
        return Counter()

    def _add(self, session: Reading, sums: Counter[int], key: str, rows: Rows) -> None:
        sums.update(_lengths_s(zip(rows.column("attended_ms"), rows.column("facts"), strict=True)))

    def _check(self, session: Reading, rows: Rows) -> None:
        self._visits.check_filters(rows)


def _lengths_s(visits: Iterable[Seen]) -> Iterator[int]:
    return (length_ms // 1000 for length_ms, facts in visits if ARE_MEASURED[facts])


class AttendedSets:
    """The attended visits among sets of visits. Reads only visits that were added to a set."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: dict[Hashable, tuple[BitMap, int, int]] = {}

    def of(self, session: Reading, key: Hashable, ids: BitMap) -> Attended:
        """Return the figures of a set, whose earlier figures have the same key."""
        known, count, length_ms = self._known.get(key, NONE_KNOWN)
        if not known <= ids:
            known, count, length_ms = NONE_KNOWN
        new = ids - known
        for rows in self._log.rows_with(session, list(new)):
            rows.within(new)
            lengths = rows.column("attended_ms")
            count, length_ms = count + sum(map(bool, lengths)), length_ms + sum(lengths)
        self._known[key] = BitMap(ids), count, length_ms
        return count, length_ms

    def forget(self) -> None:
        self._known.clear()

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(NAME_SIZE + min(2 * len(ids), len(ids) // 8 + CONTAINER_SIZE) for ids, _, _ in self._known.values())


NONE_KNOWN = BitMap(), 0, 0


def check(rows: Rows, question: Question, clock: Clock) -> None:
    """Keep the scope's visits that pass all filters on visits. Filters on events are not applied here."""
    block, is_site = rows.block, question.scope == SITE
    if not is_site:
        rows.check("scope", [scope == question.scope for scope in block.values["scope"]])
    for key, filter_ in question.filters.items():
        if not has_many(key):
            column, named = names(block, key, clock, is_site)
            is_unknown_in = passes_none(key, filter_)
            rows.check(column, [is_unknown_in if name is None else filter_.passes((name,), False) for name in named])
