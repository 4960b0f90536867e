"""The state of the rows, which shows whether stored blocks and rows in memory are still valid.

A transaction that changes or removes rows locks the state, counts a change and corrects the blocks. Earlier versions
count changes without correcting blocks; in that case, all blocks are rebuilt.
"""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

CHANGES_MARK = "changes"
"""The name of the row in `watermarks` that counts changes."""

SELECT_STATE = text("""
SELECT c.epoch, c.visits, (SELECT coalesce(max(id), 0) FROM events),
       coalesce((SELECT upto FROM watermarks WHERE name = 'changes'), 0),
       (SELECT upto FROM watermarks WHERE name = 'blocks'),
       (SELECT version FROM watermarks WHERE name = 'blocks'),
       coalesce((SELECT day FROM nightly_work WHERE name = 'reduced'), ''),
       coalesce((SELECT upto FROM watermarks WHERE name = 'attendance'), 0),
       coalesce((SELECT upto FROM watermarks WHERE name = 'attendance_dropped'), 0)
FROM counters c WHERE c.scope = 'site'
""")

INSERT_CHANGES_MARK = text(
    "INSERT INTO watermarks (name, upto, version) VALUES ('changes', 0, 0) ON CONFLICT DO NOTHING"
)

LOCK_STATE = "SELECT upto FROM watermarks WHERE name = 'changes'"

COUNT_CHANGE = text("""
UPDATE watermarks SET upto = upto + 1
WHERE name = 'changes' OR (name = 'blocks' AND upto = (SELECT upto FROM watermarks WHERE name = 'changes'))
""")

MARK_BLOCKS = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('blocks', :changes, :rules)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto, version = excluded.version
""")

DatabaseSession = Session
"""A session that reads a snapshot."""


class RowState(NamedTuple):
    """`changes` counts changes of existing rows. Stored blocks are valid while `blocks` equals `changes`. `rules` is
    the version of the parser that made them (`trait_parser`).
    """

    epoch: int
    visits: int  # the newest id
    events: int
    changes: int
    blocks: int | None
    rules: int | None
    reduced_before: str  # visits before this day may be reduced; "" if none are
    attendance: int  # the highest `attendance.seq`
    attendance_dropped: int  # the highest one whose row was removed

    @property
    def version(self) -> tuple[int, int]:
        """Identifies the rows in memory. If it differs, some may have been changed or removed."""
        return self.epoch, self.changes

    @property
    def has_blocks(self) -> bool:
        return self.blocks == self.changes


def read_state(session: Session) -> RowState:
    return RowState._make(session.execute(SELECT_STATE).one())


def lock(session: Session) -> RowState:
    """Lock the state until the transaction ends, so that no other transaction can count a change. Returns the state."""
    session.execute(INSERT_CHANGES_MARK)
    session.execute(text(LOCK_STATE if session.get_bind().dialect.name == "sqlite" else f"{LOCK_STATE} FOR UPDATE"))
    return read_state(session)


def changed(session: Session) -> None:
    """Count a change of existing rows, so that all workers read them again. Stored blocks must already be corrected."""
    session.execute(INSERT_CHANGES_MARK)
    session.execute(COUNT_CHANGE)


def mark_blocks(session: Session, changes: int, rules: int) -> None:
    """Mark the stored blocks as valid. The caller holds the lock."""
    session.execute(MARK_BLOCKS, {"changes": changes, "rules": rules})
