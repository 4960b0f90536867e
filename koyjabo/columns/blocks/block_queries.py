"""Reads and writes stored blocks, and the state of the logs, which shows whether stored blocks and rows in memory are
still valid.

A transaction that changes or removes rows locks the state, counts a change and corrects the blocks. Earlier versions
count changes without correcting blocks; in that case, all blocks are rebuilt.

Reads rows of the two logs in the form used by blocks.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.orm import Session

from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.counting.evidence.facts import ATTENDED_MS, facts_of
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE
from .blocks import LEAST, SIZE, Block, BlockKind, Row, Seen

VISITS = BlockKind(
    "visits",
    "visit_blocks",
    {"visitor": "I", "new_in": "B", "attended_ms": "I", "facts": "B"},
    ("day", "hour_s", "scope", "page", "traits"),
)
"""`visitor` is the id of the visitor's first visit on the site, or a number for the month of a reduced visit's visitor;
`new_in` has the bits ON_SITE and IN_COMMUNITY,
`attended_ms` is 0 for visits that are not attended, `facts` is a byte of `counting.evidence.facts`, and `traits` is a
`trait_parser.ParsedTraits`.
"""

EVENTS = BlockKind("events", "event_blocks", {"visit_id": "I"}, ("day", "hour_s", "scope", "name", "page", "props"))
"""`visit_id` is NO_VISIT if the visitor has no visit; `props` is JSON."""

NO_VISIT = 0

OF_VISITS = text("""
SELECT v.id, v.at_ms, v.visitor_number, v.new_in, w.first_visit, c.first_visit, v.day, v.hour_s, v.scope, v.page,
       v.referrer, v.user_agent, v.place, v.campaign, v.is_bot, v.attended_ms, v.acted, v.automated, v.own
FROM (SELECT * FROM visits WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
ORDER BY v.id
""")
MEASURED = "v.id, v.is_bot, v.attended_ms, v.acted, v.automated, v.own"
CHANGED = text(f"""
SELECT {MEASURED} FROM attendance a JOIN visits v ON v.id = a.visit_id
WHERE a.seq > :seq AND v.id BETWEEN :first AND :last ORDER BY v.id
""")
ATTENDED = text(f"SELECT {MEASURED} FROM visits v WHERE v.id IN :ids").bindparams(bindparam("ids", expanding=True))
WAITING = text("SELECT visit_id FROM attendance")
OF_EVENTS = text("""
SELECT id, at_ms, visit_id, day, hour_s, scope, name, page, props FROM events
WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most
""")

LARGEST_ID = 2**62

LARGEST_VISITOR = 2**32 - 1
"""The largest number of a visitor in a block. Reduced visits' numbers count down from it, because the first visit of a
visitor who still comes may be reduced, and has to count separately from the later ones.
"""

LONGEST_MS = 2**32 - 1
"""The longest time that a block can store, in ms: 49 days."""

ReadRows = Callable[[Session, int, int, int], Iterator[Row]]
"""Reads the next `most` rows with ids after `after`, up to `upto`."""


def seen(is_bot: bool, attended_ms: int | None, acted: bool, automated: bool, own: bool) -> Seen:
    """Return a visit's attended time and facts, from its columns in `visits`. Earlier versions stored only `is_bot`."""
    length_ms = attended_ms if attended_ms and attended_ms >= ATTENDED_MS else 0
    return min(length_ms, LONGEST_MS), facts_of(attended_ms, acted, automated or is_bot, own)


def changed_since(session: Session, seq: int, first: int = 1, last: int = LARGEST_ID) -> dict[int, Seen]:
    """Return the visits whose attended time was written after this `attendance.seq`, by id from `first` to `last`."""
    rows = session.execute(CHANGED, {"seq": seq, "first": first, "last": last})
    return {id: seen(*measured) for id, *measured in rows}


def attended(session: Session, ids: Sequence[int]) -> dict[int, Seen]:
    """Return the current attended times and facts of visits, by id."""
    return {id: seen(*measured) for id, *measured in session.execute(ATTENDED, {"ids": list(ids)})}


def waiting(session: Session) -> set[int]:
    """Return the visits that have a row in `attendance`."""
    return set(session.scalars(WAITING))


def visits(parser: TraitParser) -> ReadRows:
    def read(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
        rows = session.execute(OF_VISITS, {"after": after, "upto": upto, "most": most}).all()
        for id, at_ms, number, new_in, first, own, day, hour_s, scope, page, referrer, agent, *rest in rows:
            sent, measured = rest[:3], rest[2:]
            traits = parser.parse(agent, referrer, *sent)
            if number is None:
                visitor, new_in = first or id, ON_SITE * (first == id) + IN_COMMUNITY * (own == id)
            else:
                visitor = LARGEST_VISITOR - number
            yield (id, at_ms, visitor, new_in, *seen(*measured)), (day, hour_s, scope, page, traits)

    return read


def events(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
    rows = session.execute(OF_EVENTS, {"after": after, "upto": upto, "most": most}).all()
    for id, at_ms, visit_id, day, hour_s, scope, name, page, props in rows:
        yield (id, at_ms, visit_id or NO_VISIT), (day, hour_s, scope, name, page, props)


Reading = Session
"""A session that reads a snapshot."""

CHANGES = "changes"
"""The name of a row in `watermarks`."""

STATE = text("""
SELECT c.epoch, c.visits, (SELECT coalesce(max(id), 0) FROM events),
       coalesce((SELECT upto FROM watermarks WHERE name = 'changes'), 0),
       (SELECT upto FROM watermarks WHERE name = 'blocks'),
       (SELECT version FROM watermarks WHERE name = 'blocks'),
       coalesce((SELECT day FROM nightly_work WHERE name = 'reduced'), ''),
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


def read_state(session: Session) -> LogState:
    return LogState._make(session.execute(STATE).one())


def lock(session: Session) -> LogState:
    """Lock the state until the transaction ends, so that no other transaction can count a change. Returns the state."""
    session.execute(MAKE_ROW)
    session.execute(text(LOCK if session.get_bind().dialect.name == "sqlite" else f"{LOCK} FOR UPDATE"))
    return read_state(session)


def changed(session: Session) -> None:
    """Count a change of existing rows, so that all workers read them again. Stored blocks must already be corrected."""
    session.execute(MAKE_ROW)
    session.execute(CHANGE)


def mark_blocks(session: Session, changes: int, rules: int) -> None:
    """Mark the stored blocks as valid. The caller holds the lock."""
    session.execute(MARK, {"changes": changes, "rules": rules})


HEADS = "SELECT first, last, first_day, last_day FROM {table} WHERE first > :after ORDER BY first"
STARTS = "SELECT first, substr(packed, 1, :length) FROM {table} WHERE first > :after"
PACKED = "SELECT packed FROM {table} WHERE first = :first"
INSERT = """
INSERT INTO {table} (first, last, first_day, last_day, packed) SELECT :first, :last, :first_day, :last_day, :packed
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE last >= :first AND first <= :last)
"""
REPACK = "UPDATE {table} SET packed = :packed WHERE first = :first"
REMOVE = "DELETE FROM {table} WHERE last > :after AND first <= :upto"
MORE = "SELECT count(*) FROM (SELECT 1 FROM {source} WHERE id > :after AND id <= :upto LIMIT :most) AS x"
NEWEST = "SELECT coalesce(max(last), 0) FROM {table}"
DAYS = """
SELECT (SELECT day FROM {source} WHERE id > :after ORDER BY id LIMIT 1 OFFSET :least),
       (SELECT day FROM {source} ORDER BY id DESC LIMIT 1)
"""


START = 1_000
"""Bytes at the beginning of a packed block that mostly have its scopes."""

MAX_COUNTED = 1_000_000
"""Visits without a block are counted up to this number."""


class BlockHead(NamedTuple):
    """A block without its columns."""

    first: int
    last: int
    first_day: str
    last_day: str


def heads(session: Session, kind: BlockKind, after: int = 0) -> list[BlockHead]:
    """Return the heads of the stored blocks after this id."""
    return [BlockHead._make(row) for row in session.execute(_statement(HEADS, kind), {"after": after})]


def block(session: Session, kind: BlockKind, head: BlockHead) -> Block:
    return Block.unpack(kind, head.first, head.last, _packed(session, kind, head.first))


def scopes(session: Session, kind: BlockKind, after: int) -> dict[int, list[str]]:
    """Return the scopes of the rows of each stored block after this id, by the block's first id."""
    by_block = {}
    for first, start in session.execute(_statement(STARTS, kind), {"after": after, "length": START}):
        by_block[first] = Block.scopes_of(bytes(start)) or Block.scopes_of(_packed(session, kind, first)) or []
    return by_block


def are_more(session: Session, kind: BlockKind, after: int, upto: int, most: int) -> bool:
    """Return whether there are more than `most` rows with ids after `after`, up to `upto`."""
    row = session.execute(_statement(MORE, kind), {"after": after, "upto": upto, "most": most + 1})
    return bool(row.scalar_one() > most)


def backlog(session: Session) -> tuple[int, bool]:
    """Return how many visits have no block (at most MAX_COUNTED), and whether visits or events can fill a block."""
    has_blocks, counts, is_due = read_state(session).has_blocks, [], False
    for kind, most in ((VISITS, MAX_COUNTED), (EVENTS, SIZE)):
        after = session.execute(_statement(NEWEST, kind)).scalar_one() if has_blocks else 0
        these = {"after": after, "upto": LARGEST_ID, "most": most, "least": LEAST - 1}
        rows = int(session.execute(_statement(MORE, kind), these).scalar_one())
        day, newest_day = session.execute(_statement(DAYS, kind), these).one()
        counts.append(rows)
        is_due |= rows >= SIZE or (day is not None and day != newest_day)
    return counts[0], is_due


def behind(session: Session) -> int:
    """Return how many visits have no block, at most MAX_COUNTED."""
    return backlog(session)[0]


def replace_rules(session: Session, rules: int) -> None:
    """Remove all blocks that were made with other rules, so that they are rebuilt."""
    if lock(session).rules != rules:
        remove_all(session)
        mark_blocks(session, read_state(session).changes, rules)


def save(session: Session, seen: LogState, rules: int, blocks: Iterable[Block]) -> None:
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
        row = {"first": new.first, "last": new.last, "first_day": first_day, "last_day": last_day}
        session.execute(_statement(INSERT, new.kind), {**row, "packed": new.pack()})


def remove_all(session: Session) -> None:
    """Remove all blocks, so that they are rebuilt."""
    _delete(session)
    changed(session)


def remove(session: Session, kind: BlockKind, after: int, upto: int) -> None:
    """Remove the blocks that have rows with ids after `after`, up to `upto`, and count the change. The transaction
    changes many of these rows, so the blocks are rebuilt when it is over.
    """
    lock(session)
    changed(session)
    session.execute(_statement(REMOVE, kind), {"after": after, "upto": upto})


def follow(session: Session, kind: BlockKind, ids: Collection[int], read: ReadRows) -> None:
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
    for stored, theirs in _blocks_of(session, VISITS, visits):
        stored.patch(attended(session, theirs))


def _blocks_of(session: Session, kind: BlockKind, ids: Collection[int]) -> Iterator[tuple[Block, list[int]]]:
    """Yield each block that contains some of these rows, and the ids of those rows. Then store the block."""
    sorted_ids = sorted(ids)
    for head in heads(session, kind) if sorted_ids else ():
        theirs = sorted_ids[bisect_left(sorted_ids, head.first) : bisect_right(sorted_ids, head.last)]
        if theirs:
            stored = block(session, kind, head)
            yield stored, theirs
            session.execute(_statement(REPACK, kind), {"first": head.first, "packed": stored.pack()})


def problems(session: Session, parser: TraitParser, advance: Callable[[], object]) -> Iterator[str]:
    """Rebuild each block, compare it with the stored one byte by byte, and yield a sentence for each difference. Blocks
    made with other rules are skipped, because they will be replaced.
    """
    state, edge = read_state(session), 0
    if not state.has_blocks or state.rules != parser.rules:
        return
    for kind, read in ((VISITS, visits(parser)), (EVENTS, events)):
        for head in heads(session, kind):
            if head.first <= edge:
                yield f"{kind.table}: {kind.source} {head.first} to {edge} are in two blocks"
            edge = head.last
            rebuilt = Block.after(kind, head.first - 1)
            for plain, coded in read(session, head.first - 1, head.last, head.last - head.first + 1):
                rebuilt.append(plain, coded)
            packed = _packed(session, kind, head.first)
            if kind == VISITS and (changes := changed_since(session, 0, head.first, head.last)):
                stored = Block.unpack(VISITS, head.first, head.last, packed)
                stored.patch(changes)  # attended times that were written since the block was stored
                packed = stored.pack()
            if rebuilt.pack() != packed:
                yield f"{kind.table}: {kind.source} {head.first} to {head.last} do not match their block"
            advance()
        edge = 0


def _delete(session: Session) -> None:
    for kind in (VISITS, EVENTS):
        session.execute(text(f"DELETE FROM {kind.table}"))


def _packed(session: Session, kind: BlockKind, first: int) -> bytes:
    return bytes(session.execute(_statement(PACKED, kind), {"first": first}).scalar_one())


def _statement(sql: str, kind: BlockKind) -> TextClause:
    return text(sql.format(table=kind.table, source=kind.source))
