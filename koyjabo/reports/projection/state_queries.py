"""How far the projection is: rows of `watermarks`, under whose lock its tables change.

A transaction that changes these tables, or visits that may have been read, either moves a number here or locks the
rows. So a batch that was prepared outside of a transaction may be written while the numbers are the same.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Counter, Watermark

RULES = 1
"""The version of the rules by which visits are read. With another one, everything is read again."""

VISITS, NUMBERS, CHANGES, REREAD = "visits", "numbers", "changes", "reread"

MAKE_ROWS = text("""
INSERT INTO watermarks (name, upto, version)
VALUES ('changes', 0, 0), ('numbers', 0, 0), ('reread', 0, 0), ('visits', 0, 0)
ON CONFLICT DO NOTHING
""")
SET = text("UPDATE watermarks SET upto = :upto, version = :version WHERE name = :name")
CHANGE = text("UPDATE watermarks SET upto = upto + 1 WHERE name = 'changes'")
ROWS = (
    select(Watermark.name, Watermark.upto, Watermark.version)
    .where(Watermark.name.in_((VISITS, NUMBERS, CHANGES, REREAD)))
    .order_by(Watermark.name)
)


class State(NamedTuple):
    upto: int = 0  # the newest visit that has been read
    version: int = 0  # RULES, or the tables are being emptied
    numbers: int = 0  # the newest visitor number
    changes: int = 0  # counts changes to sums of closed days, or to visits that may have been read
    reread: int = 0  # visits up to this one are in the sums of folded days, also while they are read again

    @property
    def is_current(self) -> bool:
        return self.version == RULES

    @property
    def watermark(self) -> int:
        """The newest visit that has facts; 0 while all are made again."""
        return self.upto if self.is_current else 0

    @property
    def is_complete(self) -> bool:
        """Whether each visit in the sums has been read, including visits that are read again."""
        return self.is_current and self.upto >= self.reread


def read(session: Session) -> State:
    return _state(list(session.execute(ROWS)))


def lock(session: Session) -> State:
    """The state, which no other transaction changes until this one ends."""
    session.execute(MAKE_ROWS)
    return _state(list(session.execute(ROWS.with_for_update())))


def store(session: Session, state: State) -> None:
    """The caller has the lock."""
    for name, upto, version in (
        (CHANGES, state.changes, 0),
        (NUMBERS, state.numbers, 0),
        (REREAD, state.reread, 0),
        (VISITS, state.upto, state.version),
    ):
        session.execute(SET, {"name": name, "upto": upto, "version": version})


def begin_anew(session: Session, state: State) -> None:
    """Let all visits be read again, once the tables are empty (`clearing_queries`). The caller has the lock."""
    store(session, state._replace(upto=0, version=0, reread=max(state.upto, state.reread)))


def changed(session: Session) -> None:
    """Tell the projection, and all who keep answers about closed days, that these have changed."""
    session.execute(MAKE_ROWS)
    session.execute(CHANGE)


def newest_visit(session: Session) -> int:
    return session.scalar(select(Counter.visits).where(Counter.scope == SITE)) or 0


def behind(session: Session) -> int:
    """How many visits have not been read yet; all of them while the tables are being emptied."""
    state = read(session)
    return newest_visit(session) - state.watermark


def _state(rows: list[tuple[str, int, int]]) -> State:
    marks = {name: (upto, version) for name, upto, version in rows}
    none = (0, 0)
    return State(*marks.get(VISITS, none), *(marks.get(name, none)[0] for name in (NUMBERS, CHANGES, REREAD)))
