"""The facts of visits, up to the watermark of the projection, grouped by several keys in one scan.

Facts are read in pieces, so that the scan ends in time for the others who wait for the interpreter. A piece comes as
one row: each column is a text with one token for each visit, which is the fastest way out of both databases.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, String, bindparam, case, cast, func, select, type_coerce
from sqlalchemy.orm import Session

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.executor import REPORT_LIMIT_S
from koyjabo.models import SITE, Address, Traits, VisitFact
from koyjabo.reports.engine.condition_queries import ADDRESSES, AFTER, NO_ADDRESS, UPTO, Column, conditions, is_new
from koyjabo.reports.engine.groups import EVERYTHING, PERIODS, VISITOR_KIND, WEEKDAY
from koyjabo.reports.projection.additions import Addition, grouped
from koyjabo.reports.query.dimensions import NEW, RETURNING, TRAITS
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.periods import HOUR
from koyjabo.reports.query.ranges import day_of
from koyjabo.reports.query.report_query import Question

PIECE = 50_000
"""Ids. No step of a piece keeps the interpreter for longer than 4 ms."""

AT_ONCE = 2_000
"""Ids of one statement that looks up their texts."""

DAYS = 10**6
"""More than days since 1970 in any year that is used."""

IS_NEW, HAS_PAGE = bytes.maketrans(b"0123", b"\0\1\0\1"), bytes.maketrans(b"0123", b"\0\0\1\1")
"""A digit for each visit has these two bits."""

TEXTS = select(Address.id, Address.text).where(Address.id.in_(bindparam("ids", expanding=True)))


class Facts:
    """Those of one snapshot. All methods raise LedgerUnavailable after REPORT_LIMIT_S."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.dialect = session.get_bind().dialect.name
        self._until = time.monotonic() + REPORT_LIMIT_S

    def by(self, question: Question, ids: tuple[int, int], keys: Collection[str]) -> dict[str, dict[Any, Addition]]:
        """By key and what `groups.named` makes a name of. `ids`: over the first, up to the second."""
        columns = {each: _tokens(each) for each in sorted(set(map(_column, keys)) - {"", VISITOR_KIND})}
        pieces = _Pieces(self._session, keys, list(columns))
        digit: Any = case((is_new(question.scope), 1), else_=0) + case((VisitFact.page_id.is_not(None), 2), else_=0)
        texts = [joined(each, self.dialect) for each in (VisitFact.visitor, *columns.values())]
        statement: Any = select(func.count(), joined(digit, self.dialect, ""), *texts).where(*conditions(question))
        for count, *row in self.scan(statement, ids):
            if count:
                pieces.add(*row)
        return pieces.groups()

    def scan(self, statement: Select[Any], ids: tuple[int, int]) -> Iterator[Any]:
        """The rows of a statement, piece by piece."""
        after, upto = ids
        for start in range(after, upto, PIECE):
            if time.monotonic() > self._until:
                raise LedgerUnavailable
            yield from self._session.execute(statement, {AFTER: start, UPTO: min(start + PIECE, upto)})


class _Pieces:
    """Groups that grow by piece."""

    def __init__(self, session: Session, keys: Collection[str], columns: list[str]) -> None:
        self._session = session
        self._columns = columns
        self._traits = [key for key in keys if key in TRAITS]
        self._names: dict[str, dict[str, str | None]] = {name: {} for name in self._traits}  # by id of the traits
        self._found: dict[str, defaultdict[Any, Addition]] = {key: defaultdict(Addition) for key in keys}

    def add(self, digits: str, visitors: str, *columns: str) -> None:
        """Of a piece with at least one visit."""
        bits = digits.encode()
        are_new, have_pages = bits.translate(IS_NEW), bits.translate(HAS_PAGE)
        people = json.loads(f"[{visitors}]")  # a third of the time of split and int
        tokens = {name: text.split(",") for name, text in zip(self._columns, columns, strict=True)}
        if self._traits:
            self._look_up(set(tokens["traits"]))
        for key, groups in self._found.items():
            for value, sums in grouped(
                self._values(key, tokens, are_new), people, are_new, have_pages if key in PERIODS else ()
            ):
                groups[value].add(*sums)

    def groups(self) -> dict[str, dict[Any, Addition]]:
        return {key: self._translated(key, groups) for key, groups in self._found.items()}

    def _values(self, key: str, tokens: dict[str, list[str]], are_new: bytes) -> Sequence[Any]:
        if key == EVERYTHING:
            return bytes(len(are_new))
        if key == VISITOR_KIND:
            return are_new
        if key in self._names:
            return list(map(self._names[key].__getitem__, tokens["traits"]))
        return tokens[_column(key)]

    def _look_up(self, ids: set[str]) -> None:
        """The values of traits that are not known yet."""
        new = sorted(map(int, ids - self._names[self._traits[0]].keys()))
        columns = [getattr(Traits, name) for name in self._traits]
        wanted = select(Traits.id, *columns).where(Traits.id.in_(bindparam("ids", expanding=True)))
        for at in range(0, len(new), AT_ONCE):
            for id, *values in self._session.execute(wanted, {"ids": new[at : at + AT_ONCE]}):
                for name, value in zip(self._traits, values, strict=True):
                    self._names[name][str(id)] = value

    def _translated(self, key: str, groups: dict[Any, Addition]) -> dict[Any, Addition]:
        """With values in place of tokens."""
        if key in self._names:
            return groups
        texts = self._texts(groups) if key in ADDRESSES else {}
        return {_value(key, token, texts): addition for token, addition in groups.items()}

    def _texts(self, tokens: Collection[str]) -> dict[str, str]:
        """Of addresses, by token."""
        ids, texts = sorted(int(token) for token in tokens if token != str(NO_ADDRESS)), dict[str, str]()
        for at in range(0, len(ids), AT_ONCE):
            texts |= {str(id): text for id, text in self._session.execute(TEXTS, {"ids": ids[at : at + AT_ONCE]})}
        return texts


def joined(numbers: Any, dialect: str, separator: str = ",") -> Column:
    """The numbers of all rows as one text."""
    texts = type_coerce(numbers, String) if dialect == "sqlite" else cast(numbers, String)
    return func.aggregate_strings(texts, separator)


def _column(key: str) -> str:
    """The column that a key is read from."""
    if key in TRAITS:
        return "traits"
    if key in (*ADDRESSES, COMMUNITY, HOUR, WEEKDAY, VISITOR_KIND):
        return key
    return "" if key == EVERYTHING else "day"


def _tokens(column: str) -> Column:
    """None of them is NULL, which would be left out of the text."""
    if column in ADDRESSES:
        return func.coalesce(ADDRESSES[column], NO_ADDRESS)
    columns: dict[str, Any] = {"traits": VisitFact.traits_id, COMMUNITY: VisitFact.scope, HOUR: VisitFact.hour_s}
    columns |= {"day": VisitFact.day, WEEKDAY: VisitFact.hour_s * DAYS + VisitFact.day}
    tokens: Column = columns[column]
    return tokens


def _value(key: str, token: Any, texts: dict[str, str]) -> Any:
    """Of a token of a key that is not one of TRAITS."""
    if key == EVERYTHING:
        return None
    if key == VISITOR_KIND:
        return NEW if token else RETURNING
    if key in ADDRESSES:
        return None if token == str(NO_ADDRESS) else texts[token]
    if key == COMMUNITY:
        return None if token == SITE else token
    if key == WEEKDAY:
        hour_s, day = divmod(int(token), DAYS)
        return day_of(day), hour_s
    return int(token) if key == HOUR else day_of(int(token))
