"""Running sums for a query: its visits by a key. Each call adds only the rows that the log has gained since the last
call. The end of a compared day moves with the clock, so rows between its old and new end are added as well.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any, Protocol

from pyroaring import BitMap

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.models import SITE
from koyjabo.columns.blocks.blocks import Block, Rows, Seen
from koyjabo.columns.blocks.log import BEGINNING, AttendedRows, Changes, Log, Position
from koyjabo.columns.dimensions.dimensions import COMMUNITY, TRAITS, has_many
from koyjabo.columns.query.groups import EVERYTHING, LENGTHS, PERIODS, Attended, Group
from koyjabo.columns.query.periods import DAY, HOUR, MINUTE, MONTH, WEEK, period_of
from koyjabo.columns.query.report_query import ReportQuery, passes_none
from koyjabo.counting.evidence.facts import ARE_ATTENDED, ARE_MEASURED, CHANGING, VALUES
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE

FOREVER_MS = 2**53

MARGIN_DAYS = 2
"""Maximum difference between the starts of a day in two time zones, in days."""

Check = Callable[[Rows], None]
"""Keeps only the rows that pass."""


class GrowingSums(Protocol):
    """What rows are added to."""

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        ...

    def add(self, rows: Rows) -> None: ...


@dataclass
class _Place:
    """Sums, and the position in the log that they extend to."""

    sums: GrowingSums
    upto: Position = BEGINNING
    until_ms: int | None = None

    @property
    def at(self) -> tuple[Position, int | None]:
        return self.upto, self.until_ms


class Followed:
    """The sums of one query by key, of visits or of events, for one thread and one version of the log. Each call
    passes `until_ms`. `new` returns the sums for a key without rows. `keep` keeps the rows of the query's scope that
    pass its filters; their days and times are already checked.
    """

    def __init__(
        self,
        query: ReportQuery,
        clock: Clock,
        log: Log,
        new: Callable[[Any], GrowingSums],
        keep: Check = lambda rows: None,
    ) -> None:
        self.query, self.clock, self.log, self._new, self._keep = query, clock, log, new, keep
        self._by_key: dict[Any, _Place] = {}

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(place.sums.size for place in self._by_key.values())

    def followed(self, key: Any, until_ms: int | None, others: Collection[Any] = ()) -> Any:
        """Return the sums by a key, up to the end of the log. The same pass updates the sums by `others`."""
        keys = {key, *others}
        for name in keys:
            known = self._by_key.get(name)
            if known is None or (until_ms and known.until_ms and until_ms < known.until_ms):  # the clock was set back
                self._by_key[name] = _Place(self._new(name))
        place = self._by_key[key]
        if place.at != (self.log.end, until_ms):
            self._follow([name for name in keys if self._by_key[name].at == place.at], until_ms)
        return place.sums

    def _begin(self, rows: Rows) -> None:
        """Keep only the rows from the time when the query's range begins."""
        if self.query.since_ms is not None:
            rows.keep_moments("", self.query.since_ms, FOREVER_MS)

    def near(self, moment_ms: int | None) -> str:
        """A day such that all rows of earlier days are before this time, even if their days were counted in another
        time zone.
        """
        return "" if moment_ms is None else shifted(self.clock.bucket(moment_ms).day, -MARGIN_DAYS)

    def _follow(self, keys: Sequence[Any], until_ms: int | None) -> None:
        places = [self._by_key.pop(key) for key in keys]  # if reading fails, no partial sums may remain
        upto, before_ms = places[0].at
        spans: list[tuple[Position, Position, int | None]] = [(upto, self.log.end, None)]
        if before_ms != until_ms and upto != BEGINNING:
            spans.append((BEGINNING, upto, before_ms))
        for start, end, since_ms in spans:
            first = max(self.query.first, self.near(since_ms))
            for rows in self.log.rows(start, end, first, self.query.last, self.query.scope):
                if until_ms is not None:
                    rows.keep_moments(self.near(until_ms if since_ms is None else since_ms), since_ms or 0, until_ms)
                self._begin(rows)
                self._keep(rows)
                for place in places if rows else ():
                    place.sums.add(rows)
        for key, place in zip(keys, places, strict=True):
            place.upto, place.until_ms = self.log.end, until_ms
            self._by_key[key] = place


def are_new(scope: str) -> Sequence[bool]:
    """Return, for each value of `new_in`, whether the visit is its visitor's first in the scope."""
    bit = ON_SITE if scope == SITE else IN_COMMUNITY
    return [bool(new_in & bit) for new_in in range(4)]


def names_of(block: Block, key: str, clock: Clock) -> tuple[str, Sequence[Any]]:
    """Return the column for a key, and the name that each number in this column means."""
    values = block.values
    if key in (EVERYTHING, LENGTHS):
        return "new_in", (None,) * 4
    if key in TRAITS:
        at = TRAITS.index(key)
        return "traits", [traits[at] for traits in values["traits"]]
    if key in VALUES:
        return "facts", VALUES[key]
    if key == COMMUNITY:
        return "scope", [None if scope == SITE else scope for scope in values["scope"]]
    if key in (DAY, WEEK, MONTH):
        return "day", [period_of(day, key) for day in values["day"]]
    if key == HOUR:
        return "hour_s", list(map(clock.local, values["hour_s"]))
    return key, values[key]


def minutes_of(rows: Rows) -> tuple[list[int], list[int]]:
    """Return the number of each row's minute, and the starts of the minutes, in s."""
    minutes = [at_ms // MINUTE_MS * 60 for at_ms in rows.column("at_ms")]
    numbers = {minute_s: number for number, minute_s in enumerate(dict.fromkeys(minutes))}
    return list(map(numbers.__getitem__, minutes)), list(numbers)


NAME_SIZE, CONTAINER, CONTAINER_SIZE = 500, 65_536, 8_192
"""Bytes that a name takes, and the maximum bytes of a bitmap per CONTAINER numbers."""


class VisitCounts:
    """Visits, first visits, visits with a page, and visitors, by name."""

    def __init__(self, key: str, clock: Clock, scope: str) -> None:
        self._key, self._clock, self._are_new = key, clock, are_new(scope)
        self._visits, self._new, self._pages = Counter[Any](), Counter[Any](), Counter[Any]()
        self._attended, self._attended_ms = Counter[Any](), Counter[Any]()
        self._people: defaultdict[Any, BitMap] = defaultdict(BitMap)
        self.groups: dict[Any, Group] = {}
        """Caches groups, because a visit changes the numbers of only a few names."""
        self.size = 0
        """An upper estimate of memory use, in bytes."""

    def _names(self, rows: Rows) -> tuple[Sequence[int], Sequence[Any]]:
        """Return the number of each row's name, and the names. Several numbers may mean the same name."""
        if self._key == MINUTE:
            numbers, minutes = minutes_of(rows)
            return numbers, list(map(self._clock.local, minutes))
        column, names = names_of(rows.block, self._key, self._clock)
        return rows.column(column), names

    def add(self, rows: Rows) -> None:
        numbers, names = self._names(rows)
        changed = set()
        for number, visitors in _by_number(numbers, rows.column("visitor"), names):
            name = names[number]
            before = self._visits[name]
            self._visits[name] += len(visitors)
            self.size += _size(self._visits[name], rows) - (before and _size(before, rows))
            self._people[name].update(visitors)
            changed.add(name)
        _count(self._new, numbers, map(self._are_new.__getitem__, rows.column("new_in")), names)
        if self._key in PERIODS:
            have_pages = [page is not None for page in rows.block.values["page"]]
            _count(self._pages, numbers, map(have_pages.__getitem__, rows.column("page")), names)
        _count(self._attended, numbers, map(ARE_ATTENDED.__getitem__, rows.column("facts")), names)
        lengths = rows.column("attended_ms")
        for number, length_ms in zip(compress(numbers, lengths), filter(None, lengths), strict=True):
            self._attended_ms[names[number]] += length_ms
        for name in changed:
            self._group(name)

    def adjust(self, rows: Rows, before: Changes) -> None:
        """Apply changes in attended times. `before` has the earlier times."""
        now = zip(rows.column("id"), rows.column("attended_ms"), rows.column("facts"), strict=True)
        numbers, names = self._names(rows)
        values = list(map(names.__getitem__, numbers))
        for name, (id, length_ms, facts) in zip(values, now, strict=True):
            length_before_ms, facts_before = before[id]
            self._attended[name] += ARE_ATTENDED[facts] - ARE_ATTENDED[facts_before]
            self._attended_ms[name] += length_ms - length_before_ms
        for name in set(values):
            self._group(name)

    def _group(self, name: Any) -> None:
        self.groups[name] = Group(
            visits=self._visits[name],
            new=self._new[name],
            pages=self._pages[name],
            people=self._people[name],
            attended=self._attended[name],
            attended_ms=self._attended_ms[name],
        )


def _by_number(numbers: Sequence[int], visitors: Sequence[int], names: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield each number that occurs, and the visitors of its visits; only 0 if all names are the same."""
    by_number: list[Sequence[int]] = [visitors] if names.count(names[0]) == len(names) else [[] for _ in names]
    if len(by_number) > 1:
        append_to = [some.append for some in by_number]  # type: ignore[attr-defined]
        for number, visitor in zip(numbers, visitors, strict=True):
            append_to[number](visitor)
    return ((number, some) for number, some in enumerate(by_number) if some)


def _count(counts: Counter[Any], numbers: Sequence[int], passing: Iterable[Any], names: Sequence[Any]) -> None:
    """Count the visits that pass by name."""
    for number, visits in Counter(compress(numbers, passing)).items():
        counts[names[number]] += visits


def _size(visits: int, rows: Rows) -> int:
    return NAME_SIZE + min(2 * visits, CONTAINER_SIZE * (1 + rows.block.last // CONTAINER))


class LengthCounts:
    """The number of measured visits by their length in whole seconds."""

    def __init__(self) -> None:
        self._visits: Counter[int] = Counter()

    def add(self, rows: Rows) -> None:
        self._visits.update(_lengths_s(zip(rows.column("attended_ms"), rows.column("facts"), strict=True)))

    def adjust(self, rows: Rows, before: Changes) -> None:
        """Apply changes in attended times. `before` has the earlier times."""
        self._visits.subtract(_lengths_s(map(before.__getitem__, rows.column("id"))))
        self.add(rows)

    @property
    def measured(self) -> int:
        return self._visits.total()

    def median_s(self) -> int | None:
        """Return the lower median, or None if no visit was measured."""
        left = (self.measured + 1) // 2
        for length_s in sorted(self._visits):
            left -= self._visits[length_s]
            if left <= 0:
                return length_s if self.measured else None
        return None

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return 200 * len(self._visits)


def _lengths_s(visits: Iterable[Seen]) -> Iterator[int]:
    return (length_ms // 1000 for length_ms, facts in visits if ARE_MEASURED[facts])


class VisitSums(Followed):
    """Visit counts by dimension, period or length. `passes` keeps the rows that pass the filters."""

    def __init__(self, query: ReportQuery, clock: Clock, log: Log, passes: Check) -> None:
        def counts(key: str) -> VisitCounts | LengthCounts:
            return LengthCounts() if key == LENGTHS else VisitCounts(key, clock, query.scope)

        super().__init__(query, clock, log, counts, passes)

    def adjust(self, changed: AttendedRows) -> None:
        """Apply changes in attended times."""
        places = defaultdict[Any, list[Any]](list)
        for key in CHANGING & self._by_key.keys():
            del self._by_key[key]
        for place in self._by_key.values():
            places[place.at].append(place.sums)
        for (upto, until_ms), these in places.items():
            rows = changed.until(upto)
            self.leave(rows, until_ms)
            for sums in these if rows else ():
                sums.adjust(rows, changed.before)

    def leave(self, rows: Rows, until_ms: int | None) -> None:
        """Keep only the visits of the query. `rows` may be from any day."""
        first, last = self.query.first, self.query.last
        rows.check("day", [first <= day <= last for day in rows.block.values["day"]])
        if until_ms is not None:
            rows.keep_moments(self.near(until_ms), 0, until_ms)
        self._begin(rows)
        self._keep(rows)


class AttendedSets:
    """The attended visits among sets of visits. Reads only visits that were added to a set."""

    def __init__(self, log: Log, scope: str) -> None:
        self._log, self._scope = log, scope
        self._known: dict[Hashable, tuple[BitMap, int, int]] = {}

    def of(self, sets: Mapping[Hashable, BitMap]) -> list[Attended]:
        """Return the figures for each set. Its earlier figures are stored under the same key."""
        new, figures = dict[Hashable, BitMap](), dict[Hashable, Attended]()
        for key, ids in sets.items():
            summed, *figures_before = self._known.get(key, NOTHING_SUMMED)
            if not summed <= ids:
                summed, *figures_before = NOTHING_SUMMED
            new[key], figures[key] = ids - summed, (figures_before[0], figures_before[1])
        for rows in self._log.rows_with(list(BitMap().union(*new.values())), self._scope):
            lengths = dict(filter(itemgetter(1), zip(rows.all("id"), rows.all("attended_ms"), strict=True)))
            here = BitMap(lengths)
            for key, (count, length_ms) in figures.items():
                attended = new[key] & here
                figures[key] = count + len(attended), length_ms + sum(map(lengths.__getitem__, attended))
        self._known |= {key: (BitMap(sets[key]), *own) for key, own in figures.items()}
        return list(figures.values())

    def forget(self) -> None:
        self._known.clear()

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(NAME_SIZE + min(2 * len(ids), len(ids) // 8 + CONTAINER_SIZE) for ids, _, _ in self._known.values())


NOTHING_SUMMED = BitMap(), 0, 0


def check(rows: Rows, query: ReportQuery, clock: Clock) -> None:
    """Keep the scope's visits that pass all filters on visits. Filters on events are not applied here."""
    block = rows.block
    if query.scope != SITE:
        rows.check("scope", [scope == query.scope for scope in block.values["scope"]])
    for key, filter_ in query.filters.items():
        if not has_many(key):
            column, named = names_of(block, key, clock)
            is_unknown_in = passes_none(key, filter_)
            rows.check(column, [is_unknown_in if name is None else filter_.passes((name,), False) for name in named])
