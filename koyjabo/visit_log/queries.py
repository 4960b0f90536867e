"""Searches the ledger's rows, newest or oldest first, in id ranges of bounded size.

A day is a range of ids, found by binary search: ids are in the order of commits, and so nearly in the order of time.
Ids of folded visits are missing. The table `imported_visits` lists the ranges of imports, which are not in that order.
Within a range every row is read, except for communities, which have an index; an index for each other field would cost
each registration too much (decision 37).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.identity import DELETED
from koyjabo.models import SITE, Adjustment, Community, ImportedVisits, User, Visit

DISORDER_MS = 60_000
"""How much earlier or later than its neighbours by id a visit may be: requests wait for their commit, and the clocks of
servers differ.
"""

FIRST_STRETCH, LONGEST_STRETCH = 2_000, 200_000
"""Rows read by one statement: few at first, for a page that is soon full, then twice as many each time."""

MANY = 1_000
"""A visitor with at least so many visits is searched for without the index of visitors."""

LARGEST_NUMBER = 2**62
"""The largest ordinal to search for: with adjustments, which are far smaller, its id still fits 64 bits."""


OF_A_COMMUNITY: Any = text("scope <> 'site'")
"""Literally the condition of the partial index, otherwise SQLite would not use the index."""


class SearchFilter(NamedTuple):
    """The conditions of a search; "" and None match all visits."""

    began_ms: int | None = None
    ended_ms: int | None = None  # before this moment
    place: str = ""
    community_id: str = ""
    text: str = ""  # an ordinal, a visitor_id or its beginning, or a visit_id
    is_bot: bool | None = None
    is_ordinal: bool = False  # `text` is an ordinal and nothing else


class Search(NamedTuple):
    """The ids to read, and the conditions on them."""

    after: int  # ids over this
    upto: int
    conditions: tuple[ColumnElement[bool], ...]
    is_indexed: bool  # an index finds the few matching rows, so the range need not be split


class LoggedVisit(NamedTuple):
    id: int
    ordinal: int
    at_ms: int
    visitor_id: str
    visit_id: str
    place: str
    referrer: str | None
    user_agent: str | None
    page: str | None
    is_bot: bool
    community_id: str | None
    community: str | None  # None if it was deleted
    user_id: str | None
    user: str | None
    client_ms: int | None = None  # the time that the client claims


class SearchPage(NamedTuple):
    """The visits found, and the last id read: all matches up to it are included."""

    visits: tuple[LoggedVisit, ...]
    reached: int


ROW = (
    *(getattr(Visit, name) for name in LoggedVisit._fields[:10]),
    Visit.scope,
    Visit.user_id,
    Visit.client_ms,
)


IMPORTS = select(ImportedVisits.__table__).order_by(ImportedVisits.after_visit)


def search(session: Session, wanted: SearchFilter) -> Search:
    """The search for the visits that exist now; later ones are not in it."""
    after, upto = _id_range(session, wanted)
    conditions = [*_time(wanted)]
    if wanted.place:
        conditions.append(Visit.place == wanted.place)
    if wanted.community_id:
        conditions += [Visit.scope == wanted.community_id, OF_A_COMMUNITY]
    if wanted.is_bot is not None:
        conditions.append(Visit.is_bot.is_(wanted.is_bot))
    is_indexed = False
    if wanted.text:
        named, is_indexed = _exact_match(session, wanted) or (_partial_match(wanted.text), False)
        conditions.append(named)
    return Search(after, upto, tuple(conditions), is_indexed)


def newest_first(session: Session, query: Search, count: int, patience_s: float) -> SearchPage:
    """`count` visits, the newest first, or fewer if that takes longer than `patience_s`."""
    return _visits(session, query, count, patience_s, newest_first=True)


def oldest_first(session: Session, query: Search, count: int, patience_s: float) -> SearchPage:
    """Like `newest_first`, with the oldest first."""
    return _visits(session, query, count, patience_s, newest_first=False)


def at_ms(session: Session, visit_id: int) -> int | None:
    """The time of the visit with this id, ms; if it is gone, of the next one."""
    return session.scalar(select(Visit.at_ms).where(Visit.id >= visit_id).order_by(Visit.id).limit(1))


def id_of(session: Session, visitor_id: str, visit_id: str) -> int | None:
    return session.scalar(select(Visit.id).where(Visit.visitor_id == visitor_id, Visit.visit_id == visit_id))


def _visits(session: Session, query: Search, count: int, patience_s: float, newest_first: bool) -> SearchPage:
    until, size = time.monotonic() + patience_s, FIRST_STRETCH
    after, upto = query.after, query.upto
    found: list[Any] = []
    while upto > after and len(found) < count:
        size = upto - after if query.is_indexed else min(size, upto - after)
        low = upto - size if newest_first else after
        stretch = and_(Visit.id > low, Visit.id <= low + size, *query.conditions)
        order = Visit.id.desc() if newest_first else Visit.id
        rows = select(*ROW).where(stretch).order_by(order).limit(count - len(found))
        found += session.execute(rows).all()
        after, upto = (after, low) if newest_first else (low + size, upto)
        size = min(size * 2, LONGEST_STRETCH)
        if time.monotonic() > until:
            break
    if len(found) == count:
        return SearchPage(_with_names(session, found), found[-1].id)
    return SearchPage(_with_names(session, found), upto + 1 if newest_first else after)


def _with_names(session: Session, rows: list[Any]) -> tuple[LoggedVisit, ...]:
    communities = _names(session, Community, {row.scope for row in rows} - {SITE})
    users = _names(session, User, {row.user_id for row in rows} - {None})
    return tuple(_visit(row, communities, users) for row in rows)


def _visit(row: Any, communities: dict[str, str], users: dict[str, str]) -> LoggedVisit:
    *columns, scope, user_id, client_ms = row
    community_id = None if scope == SITE else scope
    known_id = None if user_id == DELETED else user_id
    named = (community_id, communities.get(scope), known_id, users.get(user_id))
    return LoggedVisit._make((*columns, *named, client_ms))


def _names(session: Session, table: Any, ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(table.id, table.name).where(table.id.in_(ids))).all() if ids else []
    return {row.id: row.name for row in rows}


def _time(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    began, ended = wanted.began_ms, wanted.ended_ms
    return ([Visit.at_ms >= began] if began is not None else []) + ([Visit.at_ms < ended] if ended is not None else [])


def _id_range(session: Session, wanted: SearchFilter) -> tuple[int, int]:
    after, upto = (session.scalar(select(func.min(Visit.id))) or 1) - 1, session.scalar(select(func.max(Visit.id))) or 0
    if wanted.began_ms is None and wanted.ended_ms is None:
        return after, upto
    found = [(low, high) for low, high in _id_ranges(session, wanted, after, upto) if low < high]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else (upto, upto)


def _id_ranges(session: Session, wanted: SearchFilter, after: int, upto: int) -> Iterator[tuple[int, int]]:
    """Yields whole imports whose times overlap the wanted ones, and the wanted parts of the ranges between them."""
    for each in session.execute(IMPORTS):
        yield _ordered_range(session, wanted, after, max(after, min(each.after_visit, upto)))
        after = max(after, upto if each.upto_visit is None else min(each.upto_visit, upto))
        if each.first_ms is None or (
            (wanted.ended_ms is None or each.first_ms < wanted.ended_ms)
            and (wanted.began_ms is None or each.last_ms >= wanted.began_ms)
        ):
            yield each.after_visit, after
    yield _ordered_range(session, wanted, after, upto)


def _ordered_range(session: Session, wanted: SearchFilter, after: int, upto: int) -> tuple[int, int]:
    began, ended = wanted.began_ms, wanted.ended_ms
    low = after if began is None else _last_before(session, began - DISORDER_MS, after, upto)
    high = upto if ended is None else _last_before(session, ended + DISORDER_MS, after, upto)
    return low, high


def _last_before(session: Session, moment_ms: int, after: int, upto: int) -> int:
    """The last id over `after`, up to `upto`, whose visit was before a moment; `after` without any."""
    next_row = select(Visit.id, Visit.at_ms).where(Visit.id.between(bindparam("middle"), bindparam("upto")))
    next_row = next_row.order_by(Visit.id).limit(1)
    while after < upto:
        middle = (after + upto + 1) // 2
        found = session.execute(next_row, {"middle": middle, "upto": upto}).first()  # some ids are gone
        if found is not None and found.at_ms < moment_ms:
            after = found.id
        else:
            upto = middle - 1
    return after


def _exact_match(session: Session, wanted: SearchFilter) -> tuple[ColumnElement[bool], bool] | None:
    """The condition for the visits with this ordinal, or else of this visitor, and whether an index finds them. None if
    there are none.
    """
    text, ids = wanted.text, _ids_of_ordinal(session, wanted.text)
    if ids or wanted.is_ordinal:
        return Visit.id.in_(ids), True
    limited: Select[int] = select(Visit.id).where(Visit.visitor_id == text).limit(MANY)
    count = session.scalar(select(func.count()).select_from(limited.subquery()))
    if not count:
        return None
    # A program may register very many visits as one visitor; to sort those would take longer than to scan by id.
    return (Visit.visitor_id == text, True) if count < MANY else (Visit.visitor_id.concat("") == text, False)


def _partial_match(text: str) -> ColumnElement[bool]:
    begins = func.substr(Visit.visitor_id, 1, len(text)) == text
    return or_(begins, Visit.visit_id == text)


def _ids_of_ordinal(session: Session, text: str) -> list[int]:
    """The ids of the visits with this ordinal; several if a new epoch began with a lower total."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    if not 0 < number <= LARGEST_NUMBER:
        return []
    changes = select(Adjustment.total_after - Adjustment.total_before).where(Adjustment.scope == SITE)
    offset, ids = 0, {number}
    for change in session.scalars(changes.order_by(Adjustment.id)):
        offset += change
        ids.add(number - offset)
    return list(session.scalars(select(Visit.id).where(Visit.id.in_(ids), Visit.ordinal == number)))
