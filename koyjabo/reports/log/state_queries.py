"""The numbers that say whether what was read of the logs is still right, and their lock.

A transaction that changes or removes rows that may have been read counts a change here, under the lock, and takes along
the blocks that it has made right. Other versions of this program count changes without blocks: then all are made again.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

Reading = Session
"""One that reads a snapshot: all of one moment."""

CHANGES = "changes"
"""A row of `watermarks`."""

STATE = text("""
SELECT c.epoch, c.visits, (SELECT coalesce(max(id), 0) FROM events),
       coalesce((SELECT upto FROM watermarks WHERE name = 'changes'), 0),
       (SELECT upto FROM watermarks WHERE name = 'blocks'),
       (SELECT version FROM watermarks WHERE name = 'blocks'),
       coalesce((SELECT day FROM nightly_work WHERE name = 'folded'), ''),
       coalesce((SELECT day FROM nightly_work WHERE name = 'folding'), ''),
       coalesce((SELECT seen_ms FROM nightly_work WHERE name = 'folding'), 0)
FROM counters c WHERE c.scope = 'site'
""")
MAKE_ROW = text("INSERT INTO watermarks (name, upto, version) VALUES ('changes', 0, 0) ON CONFLICT DO NOTHING")
LOCK = "SELECT upto FROM watermarks WHERE name = 'changes'"
CHANGE = text("""
UPDATE watermarks SET upto = upto + 1
WHERE name = 'changes' OR (name = 'blocks' AND upto = (SELECT upto FROM watermarks WHERE name = 'changes'))
""")
MARK = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('blocks', :changes, :rules)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto, version = excluded.version
""")


class LogState(NamedTuple):
    """`changes` counts changes of rows that may have been read. Stored blocks are right while `blocks` is the same;
    they were made by these `rules` of reading visits.
    """

    epoch: int
    visits: int  # the newest id
    events: int
    changes: int
    blocks: int | None
    rules: int | None
    folded_before: str  # events of days before this one are in sums, as visits that have no rows
    folding: str  # visits of this day up to `folding_upto` are in sums, too; their rows are being removed
    folding_upto: int

    @property
    def version(self) -> tuple[int, int, str, str, int]:
        """With another one, rows that were read may be others, or gone."""
        return self.epoch, self.changes, self.folded_before, self.folding, self.folding_upto

    @property
    def has_blocks(self) -> bool:
        return self.blocks == self.changes


def read(session: Session) -> LogState:
    return LogState._make(session.execute(STATE).one())


def lock(session: Session) -> LogState:
    """The state, in which no other transaction counts a change until this one ends."""
    session.execute(MAKE_ROW)
    session.execute(text(LOCK if session.get_bind().dialect.name == "sqlite" else f"{LOCK} FOR UPDATE"))
    return read(session)


def changed(session: Session) -> None:
    """Tell all who keep what they have read that rows are others now, or gone. The stored blocks are right."""
    session.execute(MAKE_ROW)
    session.execute(CHANGE)


def mark_blocks(session: Session, changes: int, rules: int) -> None:
    """The stored blocks are right as of now. The caller has the lock."""
    session.execute(MARK, {"changes": changes, "rules": rules})
