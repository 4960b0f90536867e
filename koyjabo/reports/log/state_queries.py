"""The state of the logs, and its lock. The state shows whether rows in memory and stored blocks are still valid. A
transaction that changes or removes rows counts a change under this lock and corrects the blocks. Earlier versions count
changes without correcting blocks; in that case, all blocks are rebuilt.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

Reading = Session
"""A session that reads a snapshot."""

CHANGES = "changes"
"""The name of a row in `watermarks`."""

STATE = text("""
SELECT c.epoch, c.visits, (SELECT coalesce(max(id), 0) FROM events),
       coalesce((SELECT upto FROM watermarks WHERE name = 'changes'), 0),
       (SELECT upto FROM watermarks WHERE name = 'blocks'),
       (SELECT version FROM watermarks WHERE name = 'blocks'),
       coalesce((SELECT day FROM nightly_work WHERE name = 'folded'), ''),
       coalesce((SELECT day FROM nightly_work WHERE name = 'folding'), ''),
       coalesce((SELECT seen_ms FROM nightly_work WHERE name = 'folding'), 0),
       coalesce((SELECT upto FROM watermarks WHERE name = 'attendance'), 0),
       coalesce((SELECT upto FROM watermarks WHERE name = 'attendance_dropped'), 0)
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
    """`changes` counts changes of existing rows. Stored blocks are valid while `blocks` equals `changes`. `rules` is
    the version of the parser that made them (`trait_parser`).
    """

    epoch: int
    visits: int  # the newest id
    events: int
    changes: int
    blocks: int | None
    rules: int | None
    folded_before: str  # sums have all events before this day, and visits without rows
    folding: str  # sums also have the visits of this day up to `folding_upto`, whose rows are being removed
    folding_upto: int
    attendance: int  # the highest `attendance.seq`
    attendance_dropped: int  # the highest one whose row was removed

    @property
    def version(self) -> tuple[int, int, str, str, int]:
        """Identifies the rows in memory. If it differs, some may have been changed or removed."""
        return self.epoch, self.changes, self.folded_before, self.folding, self.folding_upto

    @property
    def has_blocks(self) -> bool:
        return self.blocks == self.changes


def read(session: Session) -> LogState:
    return LogState._make(session.execute(STATE).one())


def lock(session: Session) -> LogState:
    """Lock the state until the transaction ends, so that no other transaction can count a change. Returns the state."""
    session.execute(MAKE_ROW)
    session.execute(text(LOCK if session.get_bind().dialect.name == "sqlite" else f"{LOCK} FOR UPDATE"))
    return read(session)


def changed(session: Session) -> None:
    """Count a change of existing rows, so that all workers read them again. Stored blocks must already be corrected."""
    session.execute(MAKE_ROW)
    session.execute(CHANGE)


def mark_blocks(session: Session, changes: int, rules: int) -> None:
    """Mark the stored blocks as valid. The caller holds the lock."""
    session.execute(MARK, {"changes": changes, "rules": rules})
