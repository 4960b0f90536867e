"""Addresses and combinations of traits, which are stored once: their ids, and the rows of new ones.

Ids are given in order, so the caller has the lock of `state_queries` when it adds the rows, or adds them only if the
state has not changed since they were prepared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.models import Address, Traits
from koyjabo.reports.projection import bulk_queries
from koyjabo.reports.query.dimensions import TRAITS
from koyjabo.reports.traits.parser import ParsedTraits, digest

Row = Sequence[Any]


def traits(session: Session, wanted: Iterable[ParsedTraits]) -> tuple[list[Row], dict[ParsedTraits, int]]:
    """The rows to add, and the ids of all."""
    digests = {each: digest(each) for each in dict.fromkeys(wanted)}
    known = _known(session, "traits", "digest", digests.values())
    new = [each for each, its in digests.items() if its not in known]
    rows: list[Row] = [(at, digests[each], *each) for at, each in enumerate(new, _next(session, Traits.id))]
    ids = {row[1]: row[0] for row in rows} | known
    return rows, {each: ids[its] for each, its in digests.items()}


def addresses(session: Session, wanted: Iterable[str]) -> tuple[list[Row], dict[str | None, int | None]]:
    """The rows to add, and the ids of all; that of None is None."""
    texts = dict.fromkeys(wanted)
    known = _known(session, "addresses", "text", texts)
    new = (each for each in texts if each not in known)
    rows: list[Row] = list(enumerate(new, _next(session, Address.id)))
    return rows, {None: None, **known, **{text: at for at, text in rows}}


def add_traits(session: Session, rows: Collection[Row]) -> None:
    bulk_queries.insert(session, "traits", ("id", "digest", *TRAITS), rows)


def add_addresses(session: Session, rows: Collection[Row]) -> None:
    bulk_queries.insert(session, "addresses", ("id", "text"), rows)


def _next(session: Session, column: Any) -> int:
    return (session.scalar(select(func.max(column))) or 0) + 1


def _known(session: Session, table: str, column: str, values: Iterable[str]) -> dict[str, int]:
    found = bulk_queries.matching(session, table, (column, "id"), (column,), [(each,) for each in values])
    return dict(map(tuple, found))
