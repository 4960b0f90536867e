"""Reads and writes stored blocks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from koyjabo.reports.log import row_queries, state_queries
from koyjabo.reports.log.blocks import LEAST, SIZE, Block, BlockKind
from koyjabo.reports.log.row_queries import EVENTS, LARGEST_ID, VISITS, ReadRows
from koyjabo.reports.log.state_queries import LogState
from koyjabo.reports.log.trait_parser import TraitParser

HEADS = "SELECT first, last, first_day, last_day FROM {table} WHERE first > :after ORDER BY first"
PACKED = "SELECT packed FROM {table} WHERE first = :first"
INSERT = """
INSERT INTO {table} (first, last, first_day, last_day, packed) SELECT :first, :last, :first_day, :last_day, :packed
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE last >= :first AND first <= :last)
"""
REPACK = "UPDATE {table} SET packed = :packed WHERE first = :first"
REMOVE = "DELETE FROM {table} WHERE last > :after AND first <= :upto AND first_day <= :day AND last_day >= :first_day"
MORE = "SELECT count(*) FROM (SELECT 1 FROM {source} WHERE id > :after AND id <= :upto LIMIT :most) AS x"
NEWEST = "SELECT coalesce(max(last), 0) FROM {table}"
DAYS = """
SELECT (SELECT day FROM {source} WHERE id > :after ORDER BY id LIMIT 1 OFFSET :least),
       (SELECT day FROM {source} ORDER BY id DESC LIMIT 1)
"""


MOST_COUNTED = 1_000_000
"""Visits without a block are counted up to this number."""


class BlockHead(NamedTuple):
    """A block without its columns."""

    first: int
    last: int
    first_day: str
    last_day: str


class Backlog(NamedTuple):
    visits: int  # visits without a block, at most MOST_COUNTED
    is_due: bool  # whether the visits or events without a block can fill a block


def heads(session: Session, kind: BlockKind, after: int = 0) -> list[BlockHead]:
    """Return the heads of the stored blocks after this id."""
    return [BlockHead._make(row) for row in session.execute(_statement(HEADS, kind), {"after": after})]


def block(session: Session, kind: BlockKind, head: BlockHead) -> Block:
    packed = _packed(session, kind, head)
    return Block.unpack(kind, head.first, head.last, packed)


def are_more(session: Session, kind: BlockKind, after: int, upto: int, most: int) -> bool:
    """Return whether there are more than `most` rows with ids after `after`, up to `upto`."""
    row = session.execute(_statement(MORE, kind), {"after": after, "upto": upto, "most": most + 1})
    return bool(row.scalar_one() > most)


def backlog(session: Session) -> Backlog:
    has_blocks = state_queries.read(session).has_blocks
    (visits, *are_due), (_, *events_are_due) = (
        _without_block(session, kind, has_blocks, most) for kind, most in ((VISITS, MOST_COUNTED), (EVENTS, SIZE))
    )
    return Backlog(visits, any(are_due + events_are_due))


def _without_block(session: Session, kind: BlockKind, has_blocks: bool, most: int) -> tuple[int, bool]:
    """Return the number of rows without a block, at most `most`, and whether they may fill a block."""
    after = session.execute(_statement(NEWEST, kind)).scalar_one() if has_blocks else 0
    these = {"after": after, "upto": LARGEST_ID, "most": most, "least": LEAST - 1}
    rows = int(session.execute(_statement(MORE, kind), these).scalar_one())
    day, newest_day = session.execute(_statement(DAYS, kind), these).one()
    return rows, rows >= SIZE or (day is not None and day != newest_day)


def replace_rules(session: Session, rules: int) -> None:
    """Remove all blocks that were made with other rules, so that they are rebuilt."""
    if state_queries.lock(session).rules != rules:
        remove_all(session)
        state_queries.mark_blocks(session, state_queries.read(session).changes, rules)


def save(session: Session, seen: LogState, rules: int, blocks: Iterable[Block]) -> None:
    """Store blocks, unless their rows may have changed since the state that was `seen`."""
    now = state_queries.lock(session)
    if now.version != seen.version or now.visits < seen.visits or now.events < seen.events:
        return
    if now.attendance_dropped > seen.attendance:  # blocks that are not stored yet were not corrected
        return
    if not now.has_blocks:
        _delete(session)
        state_queries.mark_blocks(session, now.changes, rules)
    for made in blocks:
        first_day, last_day = made.days
        row = {"first": made.first, "last": made.last, "first_day": first_day, "last_day": last_day}
        session.execute(_statement(INSERT, made.kind), {**row, "packed": made.pack()})


def remove_all(session: Session) -> None:
    """Remove all blocks, so that they are rebuilt."""
    _delete(session)
    state_queries.changed(session)


def remove(session: Session, kind: BlockKind, after: int, upto: int, first_day: str, day: str) -> None:
    """Remove the blocks that may contain rows of these days with ids after `after`, up to `upto`, and count the change.

    The transaction removes some of these rows.
    """
    state_queries.lock(session)
    these = {"after": after, "upto": upto, "first_day": first_day, "day": day}
    session.execute(_statement(REMOVE, kind), these)
    state_queries.changed(session)


def follow(session: Session, kind: BlockKind, ids: Collection[int], read: ReadRows) -> None:
    """Correct the blocks that contain these changed rows, and count the change."""
    if ids:
        state_queries.lock(session)
        state_queries.changed(session)
    for stored, theirs in _blocks_of(session, kind, ids):
        stored.replace({id: row for id in theirs for row in read(session, id - 1, id, 1)})
        session.execute(_statement(REPACK, kind), {"first": stored.first, "packed": stored.pack()})


def correct_attended(session: Session, visits: Collection[int]) -> None:
    """Correct the blocks of visits whose rows in `attendance` are being removed. Readers have either read these rows or
    notice that they are gone.
    """
    state_queries.lock(session)
    for stored, theirs in _blocks_of(session, VISITS, visits):
        stored.patch(row_queries.attended(session, theirs))
        session.execute(_statement(REPACK, VISITS), {"first": stored.first, "packed": stored.pack()})


def _blocks_of(session: Session, kind: BlockKind, ids: Collection[int]) -> Iterator[tuple[Block, list[int]]]:
    """Yield each block that contains some of these rows, and the ids of those rows."""
    sorted_ids = sorted(ids)
    for head in heads(session, kind) if sorted_ids else ():
        theirs = sorted_ids[bisect_left(sorted_ids, head.first) : bisect_right(sorted_ids, head.last)]
        if theirs:
            yield block(session, kind, head), theirs


def problems(session: Session, parser: TraitParser, advance: Callable[[], object]) -> Iterator[str]:
    """Rebuild each block, compare it with the stored one byte by byte, and yield a sentence for each difference. Blocks
    made with other rules are skipped, because they will be replaced.
    """
    state, edge = state_queries.read(session), 0
    if not state.has_blocks or state.rules != parser.rules:
        return
    for kind, read in ((VISITS, row_queries.visits(parser)), (EVENTS, row_queries.events)):
        for head in heads(session, kind):
            if head.first <= edge:
                yield f"{kind.table}: {kind.source} {head.first} to {edge} are in two blocks"
            edge = head.last
            made = Block.after(kind, head.first - 1)
            for plain, coded in read(session, head.first - 1, head.last, head.last - head.first + 1):
                made.append(plain, coded)
            stored = _packed(session, kind, head)
            if made.pack() != (_corrected(session, head, stored) if kind == VISITS else stored):
                yield f"{kind.table}: {kind.source} {head.first} to {head.last} do not match their block"
            advance()
        edge = 0


def _corrected(session: Session, head: BlockHead, packed: bytes) -> bytes:
    """Return a stored block with the attended times that were written since it was stored."""
    changes = row_queries.changed_since(session, 0, head.first, head.last)
    if not changes:
        return packed
    stored = Block.unpack(VISITS, head.first, head.last, packed)
    stored.patch(changes)
    return stored.pack()


def _delete(session: Session) -> None:
    for kind in (VISITS, EVENTS):
        session.execute(text(f"DELETE FROM {kind.table}"))


def _packed(session: Session, kind: BlockKind, head: BlockHead) -> bytes:
    return bytes(session.execute(_statement(PACKED, kind), {"first": head.first}).scalar_one())


def _statement(sql: str, kind: BlockKind) -> TextClause:
    return text(sql.format(table=kind.table, source=kind.source))
