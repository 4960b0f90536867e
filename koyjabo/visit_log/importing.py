"""Visits brought from elsewhere: of another counter, or out of an export.

They go through the ledger as any visit does, some hundred in one commit, and keep their times, places and names. Each
that is there already is not counted again, so an import that was stopped goes on when it is made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import IO, Any, NamedTuple

from koyjabo.audit import log
from koyjabo.audit.log import Subject
from koyjabo.clock import Clock
from koyjabo.counting.ledger import LedgerStore, open_store
from koyjabo.counting.records import Receipt
from koyjabo.database import engine
from koyjabo.database.lease import Fence
from koyjabo.errors import DatabaseInUse, KoyJaboError, LedgerUnavailable
from koyjabo.extensions import db
from koyjabo.identity import OPERATOR
from koyjabo.models import SITE
from koyjabo.visit_log import import_file, import_queries
from koyjabo.visit_log.import_file import BadLine, Line
from koyjabo.visit_log.queries import DISORDER_MS

__all__ = ["BadLine", "Imported", "import_visits"]

BATCH = 500
"""Visits in one commit: half of what the ledger takes at once from visitors, and a visitor's visit waits for one."""

REST = 2
"""Times as long as a commit took, others have the writer to themselves, while there are any."""

UNKNOWN_COMMUNITY = (
    "community_id is of no community here, or of an archived one; found it, bring it back by restoring a backup, or "
    "leave the id out, and the visit counts for the site alone"
)
FOLDED_DAY = (
    "at is of a day whose visits were folded, and nobody can tell any more whether this one is among them; "
    "--even-folded counts it in any case"
)


class Busy(KoyJaboError):
    """Imports go one after the other."""


class Imported(NamedTuple):
    new: int
    known: int  # were there already


def import_visits(
    file: IO[bytes],
    kind: str,
    zone: Any,
    clock: Clock,
    advance: Callable[[int], None],
    even_folded: bool = False,
) -> Imported:
    """Append the visits of a file, oldest line first; `advance` is told how many bytes are done.

    At the first line that cannot be used it ends with BadLine, or LedgerUnavailable: what came before it is kept. So it
    does at a visit that may have been folded, unless that is to count `even_folded`. Needs an application context.
    Raises Busy.
    """
    with engine.translated_errors(), import_queries.only_one(db.engine.url) as fence:
        if fence is None:
            raise Busy(
                "Another import or a restore is running on this database. Run this import after it has finished."
            )
        importing = _Importing(open_store(db.engine.url, clock, fence), clock, even_folded, fence)
        try:
            importing.write(import_file.read(file, kind, zone, advance))
        finally:
            importing.end()
    return importing.imported


class _Importing:
    """One import. `imported` is what came of it so far."""

    def __init__(self, store: LedgerStore, clock: Clock, even_folded: bool, fence: Fence) -> None:
        self.imported = Imported(0, 0)
        self._store = store
        self._clock = clock
        self._fence = fence
        self._communities = import_queries.communities()
        self._visits = import_queries.count()  # in the ledger, when we last wrote
        self._newest_ms = import_queries.newest_ms()
        self._in_order = True
        import_queries.begin(fence)
        self._folded_days = set() if even_folded else import_queries.folded_days()  # from now on nothing is folded

    def write(self, lines: Iterator[Line]) -> None:
        bad: list[BadLine] = []
        usable = self._usable(lines, bad)
        while batch := list(islice(usable, BATCH)):
            began = time.monotonic()
            if self._commit(batch):
                time.sleep(REST * (time.monotonic() - began))
        if bad:
            raise bad[0]

    def _usable(self, lines: Iterator[Line], bad: list[BadLine]) -> Iterator[Line]:
        """Up to the first one that is not."""
        try:
            for line in lines:
                if line.visit.scope != SITE and line.visit.scope not in self._communities:
                    raise BadLine(line.number, UNKNOWN_COMMUNITY)
                if line.visit.at_ms > self._clock.now_ms():
                    raise BadLine(line.number, "at is in the future")
                if self._clock.bucket(line.visit.at_ms).day in self._folded_days:
                    raise BadLine(line.number, FOLDED_DAY)
                yield line
        except BadLine as error:
            bad.append(error)

    def _commit(self, batch: list[Line]) -> bool:
        """True when somebody else has written meanwhile."""
        try:
            with self._store.writing():
                outcomes = self._store.commit([(line.visit, str(line.visit.visit_id)) for line in batch])
        except self._store.unavailable as error:
            raise LedgerUnavailable from error
        receipts = [each for each in outcomes if isinstance(each, Receipt)]
        new = sum(not each.duplicate for each in receipts)
        self.imported = Imported(self.imported.new + new, self.imported.known + len(receipts) - new)
        others = self._note_order(zip(batch, outcomes, strict=True), new)
        for line, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, KoyJaboError):
                raise BadLine(line.number, UNKNOWN_COMMUNITY)
        return others

    def _note_order(self, written: Iterable[tuple[Line, Any]], new: int) -> bool:
        expected = self._visits + new
        for line, outcome in written:
            if isinstance(outcome, Receipt):
                self._visits = outcome.snapshot.visits
                if not outcome.duplicate:
                    self._in_order &= line.visit.at_ms > self._newest_ms - DISORDER_MS // 2
                    self._newest_ms = max(self._newest_ms, line.visit.at_ms)
        others = self._visits > expected
        self._in_order &= not others
        return others

    def end(self) -> None:
        """Also after an error, where the database still answers; the next import does it otherwise."""
        self._store.close()
        with suppress(LedgerUnavailable, DatabaseInUse), engine.translated_errors():
            import_queries.end(self._fence, self._in_order)
            by = log.actor(OPERATOR, self._clock)
            entry = by.entry("visits.import", Subject("visits", "", ""), **self.imported._asdict())
            with engine.exclusive(db.engine.url) as session:
                entry.store(session)
