"""All rows of a table as columns: closed blocks, mostly compressed in the database, and an open block with the newest
rows. For a report, a worker reads only new rows.
"""

import math
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pyroaring import BitMap

from koyjabo.base.core.errors import LedgerUnavailable, StillCounting
from koyjabo.base.models import SITE
from . import block_queries
from .block import MAX_BLOCK_ROWS, Block, CopiedRows
from .block_kind import BlockKind
from .block_kinds import Seen
from .block_queries import BlockHead
from .row_queries import ReadRows
from .rows import Rows
from .state_queries import DatabaseSession

MAX_UNREAD_ROWS = 100_000
"""Maximum number of rows without a block that a report reads, which takes about 1 s."""

ROWS_AT_ONCE = 20_000
"""Maximum number of rows per statement."""

MAX_BLOCK_BYTES = 12 * 1024 * 1024
"""Maximum bytes of uncompressed blocks in memory."""

MAX_COPY_BYTES, EMPTY_COPY_BYTES = 2 * 1024 * 1024, 2_500
"""Maximum bytes of communities' rows that are copied out of blocks, and the bytes that a copy takes without rows."""

Changes = Mapping[int, Seen]
"""Attended times and facts of visits, by visit id."""

Position = tuple[int, int]
"""A position: the number of complete blocks, and the number of rows in the next block."""

BEGINNING: Position = (0, 0)


class AttendedRows(NamedTuple):
    """Visits in one block whose attended times have changed."""

    block: Block  # only these visits
    place: int  # the position of their block
    rows: list[int]  # their row numbers in it
    before: Changes

    def places(self) -> set[tuple[str, str]]:
        """Return the days and scopes of these visits."""
        visits = Rows(self.block, 0, len(self.block))
        days, scopes = (visits.named(name, self.block.values[name]) for name in ("day", "scope"))
        return set(zip(days, scopes, strict=True))

    def until(self, end: Position) -> Rows:
        """Return the visits before a position."""
        count = len(self.rows) if self.place < end[0] else 0
        return Rows(self.block, 0, bisect_left(self.rows, end[1]) if self.place == end[0] else count)


class TableRows:
    """All rows of one table, for one thread. `RunningSums` sets `session`, which reads a snapshot."""

    session: DatabaseSession

    def __init__(self, kind: BlockKind, read: ReadRows) -> None:
        self._kind, self._read_rows = kind, read
        self.has_blocks = False  # whether the stored blocks are valid
        self.deadline_s = math.inf  # deadline of the report, monotonic s; after it `rows` raises LedgerUnavailable
        self.forget()

    def forget(self) -> None:
        """Forget everything, so that all rows are read again."""
        self.upto = 0  # rows up to this id have been read
        self._heads: list[BlockHead] = []  # of closed blocks
        self._open = Block.after(self._kind, 0)
        self.unsaved: dict[int, Block] = {}  # blocks closed here and perhaps not stored yet, by first id
        self._kept: dict[int, Block] = {}  # by first id; the most recently used is last
        self._patches: dict[int, Seen] = {}  # attended times that stored blocks may lack
        self._size = 0  # size of `_kept` in bytes
        self._learned = 0  # the number of closed blocks whose scopes are known
        self._places: defaultdict[str, BitMap] = defaultdict(BitMap)  # of those blocks, by the scopes of their rows
        self._copies: dict[tuple[int, str], CopiedRows] = {}  # by place and community; the most recently used is last
        self._copies_size = 0

    def refresh(self, newest: int) -> None:
        """Read all new rows up to the id `newest`. Raises StillCounting."""
        if newest > self.upto:
            self._adopt(newest, math.inf)
            while newest > self.upto:
                self._read(newest)

    def read_some(self, newest: int) -> bool:
        """Read about ROWS_AT_ONCE new rows up to the id `newest`. Returns whether there are more."""
        if self._adopt(newest, ROWS_AT_ONCE):
            self._read(newest)
        return self.upto < newest

    @property
    def end(self) -> Position:
        return len(self._heads), len(self._open)

    def rows(self, start: Position, end: Position, first: str, last: str, scope: str = SITE) -> Iterator[Rows]:
        """Yield the rows between two positions, for the days `first` to `last`. For a community, these are its rows,
        and perhaps others of the same blocks.
        """
        for place in self._places_with(scope, range(start[0], min(end[0], len(self._heads)) + 1)):
            if time.monotonic() > self.deadline_s:
                raise LedgerUnavailable
            first_day, last_day = self._open.days if place == len(self._heads) else self._heads[place][2:]
            if first_day > last or last_day < first:
                continue
            after, upto = start[1] if place == start[0] else 0, end[1] if place == end[0] else MAX_BLOCK_ROWS
            rows = self._rows(place, scope, after, upto)
            block = rows.block
            rows.check("day", [first <= day <= last for day in block.values["day"]])
            if rows:
                yield rows

    def rows_with(self, ids: list[int], scope: str) -> Iterator[Rows]:
        """Yield a scope's rows with these sorted ids, perhaps with other rows in between. Skips removed rows."""
        for place, first, last in self._places_of(ids):
            block = self._rows(place, scope).block
            column = block.columns["id"]
            start, end = bisect_left(column, ids[first]), bisect_right(column, ids[last - 1])
            if start < end:
                yield Rows(block, start, end)

    def change(self, changes: Changes) -> Iterator[AttendedRows]:
        """Set the attended times of visits. Yields the visits that were read before, block by block."""
        ids = sorted(changes)
        for place, first, last in self._places_of(ids):
            block = self._block(place)
            rows = list(block.places(ids[first:last]))
            before = block.only(rows).columns
            block.patch(changes)
            if rows:
                changed = block.only(rows)
                for number in set(changed.columns["scope"]):
                    if copy := self._copies.get((place, block.values["scope"][number])):
                        copy.block.patch(changes)
                lengths = zip(before["attended_ms"], before["facts"], strict=True)
                yield AttendedRows(changed, place, rows, dict(zip(before["id"], lengths, strict=True)))
        self._patches.update(changes)

    def keep_patches(self, ids: Collection[int]) -> None:
        """Forget the attended times of other visits, because stored blocks have them."""
        self._patches = {id: seen for id, seen in self._patches.items() if id in ids}

    def _places_of(self, ids: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Yield the position of each block that may have some of these sorted ids, and where those ids begin and
        end.
        """
        firsts = [head.first for head in self._heads] + [self._open.first]
        at = bisect_left(ids, firsts[0])
        while at < len(ids):
            place = bisect_right(firsts, ids[at]) - 1
            upto = len(ids) if place + 1 == len(firsts) else bisect_left(ids, firsts[place + 1], at)
            yield place, at, upto
            at = upto

    def _places_with(self, scope: str, places: range) -> Iterable[int]:
        """Return which of the blocks may have rows of this scope."""
        if scope == SITE:
            return places
        new = range(self._learned, len(self._heads))
        if new:  # blocks that were added since the last call
            stored = block_queries.scopes(self.session, self._kind, self._heads[new.start].first - 1)
            for place in new:
                first = self._heads[place].first
                for known in self.unsaved[first].values["scope"] if first in self.unsaved else stored[first]:
                    self._places[known].add(place)
            self._learned = new.stop
        with_rows = self._places.get(scope, BitMap()) & BitMap(places)
        if len(self._heads) in places and scope in self._open.values["scope"]:
            with_rows.add(len(self._heads))
        return with_rows

    def _rows(self, place: int, scope: str, start: int = 0, end: int = MAX_BLOCK_ROWS) -> Rows:
        """Return a block's rows between two positions. For a community, these are its rows if they are few of them."""
        copy = self._copies.pop((place, scope), None)
        if copy is None:
            block, is_open = self._block(place), place == len(self._heads)
            end = min(end, len(block))
            if scope != SITE:
                copy = block.copied(scope, start, end) if is_open else block.copied(scope, 0, len(block))
            if copy is None:
                return Rows(block, start, end)
            if is_open:  # it grows, so no copy is kept
                return Rows(copy.block, 0, len(copy.block))
            self._copies_size += copy.block.size + EMPTY_COPY_BYTES
        self._copies[place, scope] = copy
        while self._copies_size > MAX_COPY_BYTES and len(self._copies) > 1:
            self._copies_size -= self._copies.pop(next(iter(self._copies))).block.size + EMPTY_COPY_BYTES
        return Rows(copy.block, bisect_left(copy.places, start), bisect_left(copy.places, end))

    def _block(self, place: int) -> Block:
        if place == len(self._heads):
            return self._open
        head = self._heads[place]
        if head.first in self.unsaved:
            return self.unsaved[head.first]
        if head.first in self._kept:
            self._kept[head.first] = self._kept.pop(head.first)
        else:
            stored = block_queries.block(self.session, self._kind, head)
            if self._patches:
                stored.patch({id: seen for id, seen in self._patches.items() if head.first <= id <= head.last})
            self._keep(stored)
        return self._kept[head.first]

    def _keep(self, block: Block) -> None:
        self._kept[block.first] = block
        self._size += block.size
        while self._size > MAX_BLOCK_BYTES and len(self._kept) > 1:
            self._size -= self._kept.pop(next(iter(self._kept))).size

    def _adopt(self, newest: int, most: float) -> bool:
        """Take over stored blocks, and read about `most` rows that are missing between them. Returns whether all were
        read.

        Raises StillCounting if `most` is infinite and more than MAX_UNREAD_ROWS rows have no block.
        """
        edge = self._heads[-1].last if self._heads else 0
        is_due = not self._heads or newest - self.upto > MAX_BLOCK_ROWS or self.unsaved
        after = min([*self.unsaved, edge + 1]) - 1
        for head in block_queries.heads(self.session, self._kind, after) if self.has_blocks and is_due else ():
            if self._heads and head.first <= self._heads[-1].last:
                block = self.unsaved.pop(head.first, None)
                if block is not None:
                    self._keep(block)
                continue
            if self._open.first < head.first:  # a block is missing
                if most == math.inf:
                    self._require_few(head.first - 1)
                while self.upto < head.first - 1 and most > 0:
                    most -= self._read(head.first - 1)
                if self.upto < head.first - 1:
                    return False
                if len(self._open):
                    self._close(head.first - 1)
            self._heads.append(head)
            self.upto, self._open = head.last, Block.after(self._kind, head.last)
        if most == math.inf:
            self._require_few(newest)
        return True

    def _require_few(self, upto: int) -> None:
        is_far = upto - self.upto > MAX_UNREAD_ROWS
        if is_far and block_queries.are_more(self.session, self._kind, self.upto, upto, MAX_UNREAD_ROWS):
            raise StillCounting

    def _read(self, newest: int) -> int:
        """Read the next ROWS_AT_ONCE rows. Returns how many were read."""
        count = 0
        for plain, coded in self._read_rows(self.session, self.upto, newest, ROWS_AT_ONCE):
            if self._open.ends_before(coded[0]):
                self._close(self._open.last)
            self._open.append(plain, coded)
            self.upto, count = self._open.last, count + 1
        if count < ROWS_AT_ONCE:
            self.upto = newest
        return count

    def _close(self, last: int) -> None:
        block, self._open = self._open, Block.after(self._kind, last)
        block.last = last
        self.unsaved[block.first] = block
        self._heads.append(BlockHead(block.first, last, *block.days))
