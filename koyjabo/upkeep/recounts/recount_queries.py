"""Recounts the ledger, and compares every derived table with it.

A recount reads pieces of bounded size from one snapshot, so it can run while the server is busy.
"""

from collections import Counter as Tally, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import Advance
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.models import SITE
from koyjabo.columns.columns import Columns
from koyjabo.counting.models import HourlyPeople, Return
from . import derived_tables_queries as derived
from .derivation_queries import Invariant, SumTable

MAX_LISTED_PROBLEMS = 1_000
"""Maximum number of wrong blocks that are listed. A repair rebuilds all blocks if one is wrong."""

MAX_ZONE_DIFFERENCE_S = 26 * 3_600
"""The largest difference between two time zones, s."""

MAX_STORED_PROBLEMS = 20
"""Maximum number of problems that the audit log stores for a recount."""

Sums = defaultdict[Any, list[int]]
"""Two sums by key."""


class Mismatch(NamedTuple):
    """A row of a derived table: its stored values and the values derived from the ledger. A missing row counts as
    zeros.
    """

    table: str
    key: dict[str, str | int]
    stored: dict[str, int]
    derived: dict[str, int]

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each wrong value."""
        row = " ".join(str(value) or "-" for value in self.key.values())
        for column, stored in self.stored.items():
            if stored != self.derived[column]:
                yield f"{self.table}: {row}: {column} is {stored}, but the ledger gives {self.derived[column]}"


class RecountResult(NamedTuple):
    """The result of a recount."""

    rows: int  # the highest visit id
    problems: list[str]  # one sentence each; empty if everything agrees
    is_ledger_sound: bool  # whether the visits, which everything else is derived from, are intact
    absences: int  # visits in hours without a record of their person's presence
    mismatches: list[Mismatch]
    has_right_blocks: bool  # and right sums of features

    def details(self) -> dict[str, Any]:
        """The details for an entry in the audit log."""
        problems = {"problems": self.problems[:MAX_STORED_PROBLEMS], "problem_count": len(self.problems)}
        return {"agrees": not self.problems, **problems, "rows": self.rows}


def recount(
    connection: Connection, advance: Advance, columns: Columns | None = None, clock: Clock | None = None
) -> RecountResult:
    """Find all differences between the visits, the counters and the other derived tables.

    Without columns and a clock, neither blocks nor the sums of features are checked: a database that was just restored
    has none.
    """
    sums: dict[SumTable, Sums] = {summed: _no_sums() for summed in derived.SUM_TABLES}
    faults: Tally[Invariant] = Tally()
    for table in derived.PIECE_SIZES:
        for piece in pieces(connection, table):
            _count(connection, table, piece, sums)
            for check in derived.INVARIANTS:
                if check.read == table:
                    faults[check] += connection.execute(check.select, piece).scalar_one()
            if table == "visits":
                advance(piece["upto"] - piece["after"])
    session = Session(connection)
    insights = []
    if columns and clock:
        blocks = columns.problems(session, lambda: advance(0))
        of_features = (rules.problems(session, clock, columns) for rules in all_rules())
        insights = list(islice(chain(blocks, *of_features), MAX_LISTED_PROBLEMS))
    return _result(connection, sums, faults, insights)


def newest_id(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one())


def pieces(connection: Connection, table: str) -> Iterator[dict[str, int]]:
    """Yield parameters for statements that read a table in pieces. A table without rows has one piece."""
    newest, size = newest_id(connection, table), derived.PIECE_SIZES[table]
    return ({"after": after, "upto": min(newest, after + size)} for after in range(0, max(newest, 1), size))


def _count(connection: Connection, table: str, piece: dict[str, int], sums: dict[SumTable, Sums]) -> None:
    of_table = (summed for summed in derived.SUM_TABLES if summed.read == table)
    for statement, tables in groupby(of_table, attrgetter("select")):
        result = connection.execute(statement, piece)
        columns, rows = list(result.keys()), result.all()
        for summed in tables:
            _add(sums[summed], summed, columns, rows)


def _no_sums() -> Sums:
    return defaultdict(lambda: [0, 0])


def _add(sums: Sums, summed: SumTable, columns: Sequence[str], rows: Iterable[Any]) -> None:
    values = itemgetter(*(columns.index(column) for column in summed.key + summed.values))
    for row in map(values, rows):  # access by name takes three times as long, for millions of rows
        pair = sums[row[:-2]]
        pair[0] += row[-2]
        pair[1] += row[-1]


def _result(
    connection: Connection, sums: dict[SumTable, Sums], faults: Tally[Invariant], insights: list[str]
) -> RecountResult:
    newest, by_scope = newest_id(connection, "visits"), _no_sums()
    for (scope, _), (visits, new_visitors) in sums[derived.DAILY_SUM_TABLE].items():
        by_scope[scope][0] += visits
        by_scope[scope][1] += new_visitors
    counters = connection.execute(derived.SELECT_COUNTERS).all()
    mismatches = [*_sum_table_mismatches(connection, sums), *_counter_mismatches(counters, by_scope)]
    counted = by_scope[SITE][0]
    has_all = counted == newest
    problems = []
    if not has_all:
        problems.append(f"visits: the newest id is {newest}, but there are {counted} rows")
    problems += [f"{check.table}: {rows} {check.problem}" for check, rows in faults.items() if rows]
    for row in counters:
        first_visits = by_scope[row.scope][1]
        if first_visits != row.listed:
            visitors = f"first visits give {first_visits} visitors, but {row.listed} are listed"
            problems.append(f"counters: {row.scope}: {visitors}")
    for mismatch in mismatches:
        problems += mismatch.problems()
    return RecountResult(
        rows=newest,
        problems=problems + insights,
        is_ledger_sound=has_all and not any(faults[check] for check in derived.LEDGER_CHECKS),
        absences=faults[derived.ABSENCE_CHECK],
        mismatches=mismatches,
        has_right_blocks=not insights,
    )


def _sum_table_mismatches(connection: Connection, sums: dict[SumTable, Sums]) -> Iterator[Mismatch]:
    removed_before = _removed_before(connection)
    for summed, derived_sums in sums.items():
        stored, columns = _no_sums(), summed.key + summed.values
        _add(stored, summed, columns, connection.execute(text(f"SELECT {', '.join(columns)} FROM {summed.table}")))
        for key, numbers in stored.items():
            if summed.table in removed_before and key[1] < removed_before[summed.table]:
                derived_sums[key] = list(map(max, numbers, derived_sums[key]))
        for key in sorted(key for key in stored.keys() | derived_sums.keys() if stored[key] != derived_sums[key]):
            values = (dict(zip(summed.values, of_both[key], strict=True)) for of_both in (stored, derived_sums))
            yield Mismatch(summed.table, dict(zip(summed.key, key, strict=True)), *values)


def _removed_before(connection: Connection) -> dict[str, Any]:
    """The first days or hours by table whose people are all listed. Earlier sums cannot be less than what the remaining
    rows give. A change of TIMEZONE moves the hours of a day by up to MAX_ZONE_DIFFERENCE_S.
    """
    row = connection.execute(derived.SELECT_REMOVED_BEFORE).first()
    if row is None:
        return {}
    return {Return.__tablename__: row.day, HourlyPeople.__tablename__: row.seen_ms // 1000 + MAX_ZONE_DIFFERENCE_S}


def _counter_mismatches(counters: Sequence[Any], by_scope: Sums) -> Iterator[Mismatch]:
    for row in counters:
        visits, new_visitors = by_scope[row.scope]
        unique_visitors = new_visitors if new_visitors == row.listed else row.unique_visitors
        stored = {"visits": row.visits, "total": row.total, "unique_visitors": row.unique_visitors}
        derived_sums = {"visits": visits, "total": visits + row.adjusted, "unique_visitors": unique_visitors}
        if stored != derived_sums:
            yield Mismatch("counters", {"scope": row.scope}, stored, derived_sums)
