"""Reads, stores, corrects and checks blocks."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.columns.dimensions.trait_parser import TraitParser
from .block import MAX_BLOCK_ROWS, MIN_BLOCK_ROWS, Block
from .block_kind import BlockKind
from .block_kinds import EVENT_BLOCKS, VISIT_BLOCKS
from .row_queries import MAX_ID, ReadRows, attended, changed_since, events, visits
from .state_queries import RowState, changed, lock, mark_blocks, read_state

SELECT_HEADS = "SELECT first, last, first_day, last_day FROM {table} WHERE first > :after ORDER BY first"
SELECT_STARTS = "SELECT first, substr(packed, 1, :length) FROM {table} WHERE first > :after"
SELECT_PACKED = "SELECT packed FROM {table} WHERE first = :first"
INSERT_BLOCK = """
INSERT INTO {table} (first, last, first_day, last_day, packed) SELECT :first, :last, :first_day, :last_day, :packed
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE last >= :first AND first <= :last)
"""
UPDATE_BLOCK = "UPDATE {table} SET packed = :packed WHERE first = :first"
DELETE_BLOCKS = "DELETE FROM {table} WHERE last > :after AND first <= :upto"
COUNT_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {source} WHERE id > :after AND id <= :upto LIMIT :most) AS x"
SELECT_NEWEST_ID = "SELECT coalesce(max(last), 0) FROM {table}"
SELECT_DAYS = """
SELECT (SELECT day FROM {source} WHERE id > :after ORDER BY id LIMIT 1 OFFSET :least),
       (SELECT day FROM {source} ORDER BY id DESC LIMIT 1)
"""

START_BYTES = 1_000
"""Bytes at the beginning of a packed block that mostly have its scopes."""

MAX_COUNTED_VISITS = 1_000_000
"""Visits without a block are counted up to this number."""


class BlockHead(NamedTuple):
    """A block without its columns."""

    first: int
    last: int
    first_day: str
    last_day: str


def heads(session: Session, kind: BlockKind, after: int = 0) -> list[BlockHead]:
    """Return the heads of the stored blocks after this id."""
    return [BlockHead._make(row) for row in _execute(session, SELECT_HEADS, kind, after=after)]


def block(session: Session, kind: BlockKind, head: BlockHead) -> Block:
    return Block.unpack(kind, head.first, head.last, _packed(session, kind, head.first))


def scopes(session: Session, kind: BlockKind, after: int) -> dict[int, list[str]]:
    """Return the scopes of the rows of each stored block after this id, by the block's first id."""
    by_block = {}
    for first, start in _execute(session, SELECT_STARTS, kind, after=after, length=START_BYTES):
        by_block[first] = Block.scopes_of(bytes(start)) or Block.scopes_of(_packed(session, kind, first)) or []
    return by_block


def are_more(session: Session, kind: BlockKind, after: int, upto: int, most: int) -> bool:
    """Return whether there are more than `most` rows with ids after `after`, up to `upto`."""
    row = _execute(session, COUNT_ROWS, kind, after=after, upto=upto, most=most + 1)
    return bool(row.scalar_one() > most)


def backlog(session: Session) -> tuple[int, bool]:
    """Return how many visits have no block (at most MAX_COUNTED_VISITS), and whether visits or events fill a block."""
    has_blocks, counts, is_due = read_state(session).has_blocks, [], False
    for kind, most in ((VISIT_BLOCKS, MAX_COUNTED_VISITS), (EVENT_BLOCKS, MAX_BLOCK_ROWS)):
        after = _execute(session, SELECT_NEWEST_ID, kind).scalar_one() if has_blocks else 0
        these = {"after": after, "upto": MAX_ID, "most": most, "least": MIN_BLOCK_ROWS - 1}
        rows = int(_execute(session, COUNT_ROWS, kind, **these).scalar_one())
        day, newest_day = _execute(session, SELECT_DAYS, kind, **these).one()
        counts.append(rows)
        is_due |= rows >= MAX_BLOCK_ROWS or (day is not None and day != newest_day)
    return counts[0], is_due


def replace_rules(session: Session, rules: int) -> None:
    """Remove all blocks that were made with other rules, so that they are rebuilt."""
    if lock(session).rules != rules:
        remove_all_blocks(session)
        mark_blocks(session, read_state(session).changes, rules)


def save(session: Session, seen: RowState, rules: int, blocks: Iterable[Block]) -> None:
    """Store blocks, unless their rows may have changed since the state that was `seen`."""
    now = lock(session)
    if now.version != seen.version or now.visits < seen.visits or now.events < seen.events:
        return
    if now.attendance_dropped > seen.attendance:  # blocks that are not stored yet were not corrected
        return
    if not now.has_blocks:
        _delete(session)
        mark_blocks(session, now.changes, rules)
    for new in blocks:
        first_day, last_day = new.days
        days = {"first_day": first_day, "last_day": last_day}
        _execute(session, INSERT_BLOCK, new.kind, first=new.first, last=new.last, **days, packed=new.pack())


def remove_all_blocks(session: Session) -> None:
    """Remove all blocks, so that they are rebuilt."""
    _delete(session)
    changed(session)


def remove_blocks(session: Session, kind: BlockKind, after: int, upto: int) -> None:
    """Remove the blocks that have rows with ids after `after`, up to `upto`, and count the change. The transaction
    changes many of these rows, so the blocks are rebuilt when it is over.
    """
    lock(session)
    changed(session)
    _execute(session, DELETE_BLOCKS, kind, after=after, upto=upto)


def correct(session: Session, kind: BlockKind, ids: Collection[int], read: ReadRows) -> None:
    """Correct the blocks that contain these changed rows, and count the change."""
    if ids:
        lock(session)
        changed(session)
    for stored, theirs in _blocks_of(session, kind, ids):
        stored.replace({id: row for id in theirs for row in read(session, id - 1, id, 1)})


def correct_attended(session: Session, visits: Collection[int]) -> None:
    """Correct the blocks of visits whose rows in `attendance` are being removed. Readers have either read these rows or
    notice that they are gone.
    """
    lock(session)
    for stored, theirs in _blocks_of(session, VISIT_BLOCKS, visits):
        stored.patch(attended(session, theirs))


def _blocks_of(session: Session, kind: BlockKind, ids: Collection[int]) -> Iterator[tuple[Block, list[int]]]:
    """Yield each block that contains some of these rows, and the ids of those rows. Then store the block."""
    sorted_ids = sorted(ids)
    for head in heads(session, kind) if sorted_ids else ():
        theirs = sorted_ids[bisect_left(sorted_ids, head.first) : bisect_right(sorted_ids, head.last)]
        if theirs:
            stored = block(session, kind, head)
            yield stored, theirs
            _execute(session, UPDATE_BLOCK, kind, first=head.first, packed=stored.pack())


def block_problems(session: Session, parser: TraitParser, advance: Callable[[], object]) -> Iterator[str]:
    """Rebuild each block, compare it with the stored one byte by byte, and yield a sentence for each difference. Blocks
    made with other rules are skipped, because they will be replaced.
    """
    state, edge = read_state(session), 0
    if not state.has_blocks or state.rules != parser.rules:
        return
    for kind, read in ((VISIT_BLOCKS, visits(parser)), (EVENT_BLOCKS, events)):
        for head in heads(session, kind):
            if head.first <= edge:
                yield f"{kind.table}: {kind.source} {head.first} to {edge} are in two blocks"
            edge = head.last
            rebuilt = Block.after(kind, head.first - 1)
            for plain, coded in read(session, head.first - 1, head.last, head.last - head.first + 1):
                rebuilt.append(plain, coded)
            packed = _packed(session, kind, head.first)
            if kind == VISIT_BLOCKS and (changes := changed_since(session, 0, head.first, head.last)):
                stored = Block.unpack(VISIT_BLOCKS, head.first, head.last, packed)
                stored.patch(changes)  # attended times that were written since the block was stored
                packed = stored.pack()
            if rebuilt.pack() != packed:
                yield f"{kind.table}: {kind.source} {head.first} to {head.last} do not match their block"
            advance()
        edge = 0


def _delete(session: Session) -> None:
    for kind in (VISIT_BLOCKS, EVENT_BLOCKS):
        session.execute(text(f"DELETE FROM {kind.table}"))


def _packed(session: Session, kind: BlockKind, first: int) -> bytes:
    return bytes(_execute(session, SELECT_PACKED, kind, first=first).scalar_one())


def _execute(session: Session, sql: str, kind: BlockKind, **values: Any) -> Any:
    return session.execute(text(sql.format(table=kind.table, source=kind.source)), values)
