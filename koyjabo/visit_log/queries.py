"""Look through the ledger's rows, the newest first or the oldest, in stretches of bounded size.

A day is a stretch of ids, which is found by halving: ids are given in the order of commits, and so nearly in the order
of time. Those of visits that were folded are missing. Within a stretch every row is looked at, but for communities,
which have an index; one for each thing to look for would cost every visit more than it is worth (decision 37).
Where an import has put visits in between, `imported_visits` says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Adjustment, Community, ImportedVisits, User, Visit

DISORDER_MS = 60_000
"""How much earlier or later than its neighbours a visit may be: requests wait for their commit, and servers' clocks
differ.
"""

FIRST_STRETCH, LONGEST_STRETCH = 2_000, 200_000
"""Rows looked at in one statement: few for a page that is soon full, and more as long as nothing is found."""

MANY = 1_000
"""Visits of one visitor, from which on they are looked for like anything else."""

LARGEST_NUMBER = 2**62
"""That is looked for: adjustments, which are far smaller, make an id of it that a database can take."""


OF_A_COMMUNITY: Any = text("scope <> 'site'")
"""Word for word as the index has it: else SQLite would not know that it may use that."""


class SearchFilter(NamedTuple):
    """What is looked for; "" and None are anything."""

    began_ms: int | None = None
    ended_ms: int | None = None  # before this moment
    place: str = ""
    community_id: str = ""
    text: str = ""  # a number, a visitor_id or how it begins, or a visit_id
    is_bot: bool | None = None


class Search(NamedTuple):
    """Where to look, and for what."""

    after: int  # ids over this
    upto: int
    conditions: tuple[ColumnElement[bool], ...]
    is_indexed: bool  # there are few rows to look at, wherever they are


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
    community: str | None  # None for one that was deleted
    user_id: str | None
    user: str | None
    client_ms: int | None = None  # the client's word


class SearchPage(NamedTuple):
    """What was found, and the last id that was looked at on the way: everything up to it is in here."""

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
    """A search as of now: of the visits there are at this moment."""
    after, upto = _stretch_of_time(session, wanted)
    conditions = [*_time(wanted)]
    if wanted.place:
        conditions.append(Visit.place == wanted.place)
    if wanted.community_id:
        conditions += [Visit.scope == wanted.community_id, OF_A_COMMUNITY]
    if wanted.is_bot is not None:
        conditions.append(Visit.is_bot.is_(wanted.is_bot))
    is_indexed = False
    if wanted.text:
        named, is_indexed = _exactly(session, wanted.text) or (_like(wanted.text), False)
        conditions.append(named)
    return Search(after, upto, tuple(conditions), is_indexed)


def look_back(session: Session, looked_for: Search, count: int, patience_s: float) -> SearchPage:
    """`count` visits, the newest first, or as many as are found in time."""
    return _look(session, looked_for, count, patience_s, newest_first=True)


def look_on(session: Session, looked_for: Search, count: int, patience_s: float) -> SearchPage:
    """The same, the oldest first."""
    return _look(session, looked_for, count, patience_s, newest_first=False)


def at_ms(session: Session, visit_id: int) -> int | None:
    """When the visit of this id was; where there is none any more, the next one."""
    return session.scalar(select(Visit.at_ms).where(Visit.id >= visit_id).order_by(Visit.id).limit(1))


def id_of(session: Session, visitor_id: str, visit_id: str) -> int | None:
    return session.scalar(select(Visit.id).where(Visit.visitor_id == visitor_id, Visit.visit_id == visit_id))


def _look(session: Session, looked_for: Search, count: int, patience_s: float, newest_first: bool) -> SearchPage:
    until, size = time.monotonic() + patience_s, FIRST_STRETCH
    after, upto = looked_for.after, looked_for.upto
    found: list[Any] = []
    while upto > after and len(found) < count:
        size = upto - after if looked_for.is_indexed else min(size, upto - after)
        low = upto - size if newest_first else after
        stretch = and_(Visit.id > low, Visit.id <= low + size, *looked_for.conditions)
        order = Visit.id.desc() if newest_first else Visit.id
        rows = select(*ROW).where(stretch).order_by(order).limit(count - len(found))
        found += session.execute(rows).all()
        after, upto = (after, low) if newest_first else (low + size, upto)
        size = min(size * 2, LONGEST_STRETCH)
        if time.monotonic() > until:
            break
    if len(found) == count:
        return SearchPage(_named(session, found), found[-1].id)
    return SearchPage(_named(session, found), upto + 1 if newest_first else after)


def _named(session: Session, rows: list[Any]) -> tuple[LoggedVisit, ...]:
    communities = _names(session, Community, {row.scope for row in rows} - {SITE})
    users = _names(session, User, {row.user_id for row in rows} - {None})
    return tuple(_visit(row, communities, users) for row in rows)


def _visit(row: Any, communities: dict[str, str], users: dict[str, str]) -> LoggedVisit:
    *columns, scope, user_id, client_ms = row
    community_id = None if scope == SITE else scope
    named = (community_id, communities.get(scope), user_id, users.get(user_id))
    return LoggedVisit._make((*columns, *named, client_ms))


def _names(session: Session, table: Any, ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(table.id, table.name).where(table.id.in_(ids))).all() if ids else []
    return {row.id: row.name for row in rows}


def _time(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    began, ended = wanted.began_ms, wanted.ended_ms
    return ([Visit.at_ms >= began] if began is not None else []) + ([Visit.at_ms < ended] if ended is not None else [])


def _stretch_of_time(session: Session, wanted: SearchFilter) -> tuple[int, int]:
    after, upto = (session.scalar(select(func.min(Visit.id))) or 1) - 1, session.scalar(select(func.max(Visit.id))) or 0
    if wanted.began_ms is None and wanted.ended_ms is None:
        return after, upto
    found = [(low, high) for low, high in _stretches_of_time(session, wanted, after, upto) if low < high]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else (upto, upto)


def _stretches_of_time(session: Session, wanted: SearchFilter, after: int, upto: int) -> Iterator[tuple[int, int]]:
    """Imports that may have such visits, whole; between them ids go by time."""
    for each in session.execute(IMPORTS):
        yield _in_order(session, wanted, after, max(after, min(each.after_visit, upto)))
        after = max(after, upto if each.upto_visit is None else min(each.upto_visit, upto))
        if each.first_ms is None or (
            (wanted.ended_ms is None or each.first_ms < wanted.ended_ms)
            and (wanted.began_ms is None or each.last_ms >= wanted.began_ms)
        ):
            yield each.after_visit, after
    yield _in_order(session, wanted, after, upto)


def _in_order(session: Session, wanted: SearchFilter, after: int, upto: int) -> tuple[int, int]:
    began, ended = wanted.began_ms, wanted.ended_ms
    low = after if began is None else _last_before(session, began - DISORDER_MS, after, upto)
    high = upto if ended is None else _last_before(session, ended + DISORDER_MS, after, upto)
    return low, high


def _last_before(session: Session, moment_ms: int, after: int, upto: int) -> int:
    """The last id over `after`, up to `upto`, whose visit was before a moment; `after`, if none was."""
    next_one = select(Visit.id, Visit.at_ms).where(Visit.id.between(bindparam("middle"), bindparam("upto")))
    next_one = next_one.order_by(Visit.id).limit(1)
    while after < upto:
        middle = (after + upto + 1) // 2
        found = session.execute(next_one, {"middle": middle, "upto": upto}).first()  # some ids are gone
        if found is not None and found.at_ms < moment_ms:
            after = found.id
        else:
            upto = middle - 1
    return after


def _exactly(session: Session, text: str) -> tuple[ColumnElement[bool], bool] | None:
    """What `text` names as a whole: the visit of that number, or all of a visitor; and whether those are few. None
    where it names nothing.
    """
    ids = _numbered(session, text)
    if ids:
        return Visit.id.in_(ids), True
    some: Select[int] = select(Visit.id).where(Visit.visitor_id == text).limit(MANY)
    theirs = session.scalar(select(func.count()).select_from(some.subquery()))
    if not theirs:
        return None
    # A program may come as one visitor for ever: to sort what the index has would take longer than to look at all.
    return (Visit.visitor_id == text, True) if theirs < MANY else (Visit.visitor_id.concat("") == text, False)


def _like(text: str) -> ColumnElement[bool]:
    begins = func.substr(Visit.visitor_id, 1, len(text)) == text
    return or_(begins, Visit.visit_id == text)


def _numbered(session: Session, text: str) -> list[int]:
    """The visits that were told this ordinal; several, where a new count has begun."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    if not 0 < number <= LARGEST_NUMBER:
        return []
    changes = select(Adjustment.total_after - Adjustment.total_before).where(Adjustment.scope == SITE)
    offset, ids = 0, {number}
    for change in session.scalars(changes.order_by(Adjustment.id)):
        offset += change
        ids.add(number - offset)
    return list(session.scalars(select(Visit.id).where(Visit.id.in_(ids), Visit.ordinal == number)))
