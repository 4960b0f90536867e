"""Stores the views of pages: moves them from the rows into sums, and replaces all sums."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.json_rows import insert_rows
from koyjabo.base.database.rows import changed_rows
from koyjabo.people.models import Community
from .models import PageSum
from .page_reading import MAX_LATE_ROWS, SUMS_NOT_READY

ROWS_PER_MOVE = 1_000
"""Rows of each table that one call of `move_views` reads."""

LOCK_MARKS = text("SELECT 1 FROM watermarks WHERE name = 'page_visits' FOR UPDATE")
MARKS = text("""
SELECT upto, (SELECT upto FROM watermarks WHERE name = 'page_events'),
       (SELECT visits FROM counters WHERE scope = 'site'), (SELECT coalesce(max(id), 0) FROM events)
FROM watermarks WHERE name = 'page_visits'
""")
VISITS_AFTER_MARK = text("SELECT id, page, day FROM visits WHERE id > :after ORDER BY id LIMIT :most")
PAGE_VIEWS_AFTER_MARK = text("""
SELECT id, CASE WHEN name = 'pageview' THEN page END, day FROM events WHERE id > :after ORDER BY id LIMIT :most
""")
LATER_VISITS = text("SELECT page, count(*) FROM visits WHERE id > :after GROUP BY page")
LATER_PAGE_VIEWS = text("SELECT page, count(*) FROM events WHERE id > :after AND name = 'pageview' GROUP BY page")
ADD_TO_SUMS = """
ON CONFLICT (page) DO UPDATE SET views = page_sums.views + excluded.views,
    day_views = CASE WHEN excluded.day = page_sums.day THEN page_sums.day_views + excluded.day_views
                     WHEN excluded.day > page_sums.day THEN excluded.day_views ELSE page_sums.day_views END,
    day = CASE WHEN excluded.day > page_sums.day THEN excluded.day ELSE page_sums.day END
"""
SET_MARK = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, :upto, 0)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto
""")
# Three, so that the revision increases even if the day falls by two with another time zone.
RESTART = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('page_events', 0, 3)
ON CONFLICT (name) DO UPDATE SET version = watermarks.version + 3
""")
MARK_VERSION = text("SELECT version FROM watermarks WHERE name = 'page_events'")
SOME_SUMS = text("DELETE FROM page_sums WHERE page IN (SELECT page FROM page_sums LIMIT :size)")

PageRow = tuple[str, int, str, int]
"""A row of `page_sums`."""


def move_views(session: Session) -> bool:
    """Add the next views to the sums. Returns whether there are more. If the sums lack too many, they are no longer
    ready.
    """
    ready = marks(session)
    if ready is None:
        return False
    after_visit, after_event, visits, events = ready
    if visits - after_visit + events - after_event > MAX_LATE_ROWS:
        discard(session)
        return False
    has_more = False
    views: Counter[tuple[str, str]] = Counter()
    for name, query, after in (
        ("page_visits", VISITS_AFTER_MARK, after_visit),
        ("page_events", PAGE_VIEWS_AFTER_MARK, after_event),
    ):
        rows = session.execute(query, {"after": after, "most": ROWS_PER_MOVE}).all()
        views.update((page, day) for _, page, day in rows if page)
        if rows:
            session.execute(SET_MARK, {"name": name, "upto": rows[-1][0]})
        has_more |= len(rows) == ROWS_PER_MOVE
    add(session, _rows(views))
    return has_more


def _rows(views: Counter[tuple[str, str]]) -> Iterable[PageRow]:
    """The sums of these views by page and day."""
    rows: dict[str, PageRow] = {}
    # In the same order in all transactions, so that none waits for another in a circle. The latest day comes last.
    for (page, day), count in sorted(views.items()):
        earlier = rows[page][1] if page in rows else 0
        rows[page] = (page, earlier + count, day, count)
    return rows.values()


def add(session: Session, rows: Iterable[PageRow]) -> None:
    """Add to the sums."""
    insert_rows(session, PageSum, (), rows, ADD_TO_SUMS)


def add_some(session: Session, rows: Sequence[PageRow], begin: int, size: int) -> int:
    """Add up to `size` rows, beginning with the one at `begin`, unless another worker has completed the sums. Returns
    how many were handled.
    """
    some = rows[begin : begin + size]
    if marks(session) is None:
        add(session, some)
    return len(some)


def marks(session: Session, is_locked: bool = True) -> Sequence[Any] | None:
    """The marks and what they are compared with, or None if the sums are not ready. Locks the marks until the
    transaction ends.
    """
    if is_locked and session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK_MARKS)
    row = session.execute(MARKS).first()
    return None if row is None or row[0] == SUMS_NOT_READY else row


def all_views(session: Session) -> int:
    """The views in all sums."""
    return int(session.scalar(select(func.sum(PageSum.views))) or 0)


def discard(session: Session) -> int:
    """Mark the sums as not ready, so that they are computed again. Returns what `restart` does."""
    session.execute(SET_MARK, {"name": "page_visits", "upto": SUMS_NOT_READY})
    return restart(session)


def restart(session: Session) -> int:
    """Make every worker read all watched pages again, at a higher revision. Returns the new `version`."""
    session.execute(RESTART)
    return version(session)


def version(session: Session) -> int:
    """The number that each `restart` and `discard` increases."""
    return int(session.scalar(MARK_VERSION) or 0)


def has_later_day(session: Session, day: str) -> bool:
    """Whether sums have views of a day after this one."""
    return session.scalar(select(PageSum.page).where(PageSum.day > day).limit(1)) is not None


def remove_some(session: Session, size: int) -> int:
    """Remove up to `size` sums. Returns how many were removed."""
    return changed_rows(session, SOME_SUMS, {"size": size})


def mark_ready(session: Session, visits: int, events: int) -> None:
    """Store that the sums have the views up to these ids."""
    session.execute(SET_MARK, {"name": "page_visits", "upto": visits})
    session.execute(SET_MARK, {"name": "page_events", "upto": events})


def numbers(session: Session) -> Counter[str] | None:
    """The views of all pages, from the sums and from later rows; None if the sums are not ready."""
    ready = marks(session, is_locked=False)
    if ready is None:
        return None
    views: Counter[str] = Counter()
    for page, stored in session.execute(select(PageSum.page, PageSum.views)):
        views[page] = stored
    for query, after in ((LATER_VISITS, ready[0]), (LATER_PAGE_VIEWS, ready[1])):
        for page, count in session.execute(query, {"after": after}):
            if page:
                views[page] += count
    return views


def listed_communities(session: Session, keys: Collection[str]) -> set[str]:
    """The ids and external ids that name a listed community."""
    listed = select(Community.id, Community.ref).where(Community.is_listed, Community.archived_ms.is_(None))
    rows = session.execute(listed.where(Community.id.in_(keys) | Community.ref.in_(keys)))
    return {key for row in rows for key in row if key}
