"""Imports visits from another counter or from an export. Visits are committed in batches, like new visits, and keep
their times, locations and ids. A visit that is already in the ledger is not counted again, so an interrupted import can
be repeated.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO, Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import DatabaseInUse, KoyJaboError, LedgerUnavailable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database import engine
from koyjabo.base.database.lease import Fence
from koyjabo.base.database.rows import DISORDER_MS
from koyjabo.base.models import SITE
from koyjabo.counting.high_water import DatabaseRolledBack, HighWater
from koyjabo.counting.ledger import LedgerStore, open_store
from koyjabo.counting.records import Outcome, Receipt
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor, Subject
from . import import_file, import_queries
from .import_file import BadLine, NumberedVisit, Refuse

__all__ = ["BadLine", "Imported", "import_lines", "import_visits"]

BATCH = 500
"""Number of visits per commit: half of the ledger's largest batch. A new visit waits for at most one such commit."""

REST = 2
"""Pause after a commit while others are writing, as a multiple of the commit's duration."""

UNKNOWN_COMMUNITY = (
    "community_id names an unknown or archived community; restore the community from the archive or a backup, or "
    "omit the id to count the visit only for the site"
)
FOLDED_DAY = (
    "at is on a day whose visits were rolled up, so this visit may already be counted; --even-folded counts it anyway"
)


VISITS = Subject("visits", "", "")


class Imported(NamedTuple):
    new: int
    known: int  # already in the ledger


def usable(lines: Iterable[NumberedVisit], clock: Clock, even_folded: bool, refuse: Refuse) -> Iterator[NumberedVisit]:
    """Yield the lines that can be imported now. Calls `refuse` for the other lines."""
    communities = import_queries.communities()
    folded_days = set() if even_folded else import_queries.folded_days()
    for number, visit in lines:
        if visit.scope != SITE and visit.scope not in communities:
            refuse(BadLine(number, UNKNOWN_COMMUNITY))
        elif visit.at_ms > clock.now_ms():
            refuse(BadLine(number, "at is in the future"))
        elif clock.bucket(visit.at_ms).day in folded_days:
            refuse(BadLine(number, FOLDED_DAY))
        else:
            yield number, visit


def import_visits(
    file: IO[bytes], kind: str, zone: Any, clock: Clock, advance: Callable[[int], None], even_folded: bool = False
) -> Imported:
    """Import the visits in a file, in the order of its lines. `advance` is called with the number of bytes processed
    since the last call. Requires an application context.

    Raises DatabaseInUse, LedgerUnavailable, and BadLine for the first unusable line or visit on a rolled-up day (unless
    `even_folded`). Visits before the error stay imported.
    """
    return import_lines(import_file.read(file, kind, zone, advance, _fail), clock, even_folded, _fail)


def import_lines(
    lines: Iterator[NumberedVisit],
    clock: Clock,
    even_folded: bool,
    refuse: Refuse,
    by: Actor | None = None,
    on_commit: Callable[[Imported], object] = lambda imported: None,
    **details: str,
) -> Imported:
    """Like `import_visits`, for visits converted from another program's format. `refuse` is called with the BadLine for
    each visit that cannot be counted, and can end the import by raising it. `by` (default: the operator) and
    `details` are for the audit log. After each commit, `on_commit` is called with the result so far.
    """
    with alone() as fence:
        importing = _Importing(clock, fence, on_commit)
        try:
            importing.write(usable(lines, clock, even_folded, refuse))
        finally:
            importing.end(by or log.actor(OPERATOR, clock), details)
    return importing.imported


@contextmanager
def alone() -> Iterator[Fence]:
    """Run while no other import or restore is running. Yields the fence from `only_one`. Raises DatabaseInUse."""
    with engine.translated_errors(), import_queries.only_one(db.engine.url) as fence:
        if fence is None:
            raise DatabaseInUse(
                "Another import or a restore is running on this database. Run this import after it has finished."
            )
        yield fence


def _fail(error: BadLine) -> None:
    raise error


class _Importing:
    """An import. `imported` is the result so far."""

    def __init__(self, clock: Clock, fence: Fence, on_commit: Callable[[Imported], object]) -> None:
        self.imported = Imported(0, 0)
        self._on_commit = on_commit
        self._high_water = HighWater()
        self._store: LedgerStore = open_store(db.engine.url, clock, fence, high_water=self._high_water)
        self._clock = clock
        self._fence = fence
        self._visits = import_queries.count()  # in the ledger after this import's last commit
        self._newest_ms = import_queries.newest_ms()
        self._in_order = True
        import_queries.begin(fence)

    def write(self, lines: Iterator[NumberedVisit]) -> None:
        """Commit the lines. If reading them raises BadLine, the lines before it are committed first."""
        bad: list[BadLine] = []

        def read() -> Iterator[NumberedVisit]:
            try:
                yield from lines
            except BadLine as error:
                bad.append(error)

        reading = read()
        while batch := list(islice(reading, BATCH)):
            began = time.monotonic()
            has_others = self._commit(batch)
            self._on_commit(self.imported)
            if has_others:
                time.sleep(REST * (time.monotonic() - began))
        if bad:
            raise bad[0]

    def _commit(self, batch: list[NumberedVisit]) -> bool:
        """Commit a batch. Returns whether other visits were registered since the last commit."""
        try:
            outcomes = self._stored(batch)
        except DatabaseRolledBack as error:
            # If the total was lowered on purpose and no server has committed since, the import continues from it.
            # Otherwise, a server must first decide which number to continue counting from.
            standing = import_queries.lowered(error.mark)
            if standing is None:
                raise LedgerUnavailable from error
            self._high_water.replace((), {SITE: standing})
            outcomes = self._stored(batch)
        receipts = [receipt for receipt in outcomes if isinstance(receipt, Receipt)]
        new = sum(not receipt.duplicate for receipt in receipts)
        self.imported = Imported(self.imported.new + new, self.imported.known + len(receipts) - new)
        others_wrote = self._check_order(zip(batch, outcomes, strict=True), new)
        for (number, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, KoyJaboError):
                raise BadLine(number, UNKNOWN_COMMUNITY)
        return others_wrote

    def _stored(self, batch: list[NumberedVisit]) -> list[Outcome]:
        try:
            with self._store.writing():
                return self._store.commit([(visit, str(visit.visit_id)) for _, visit in batch])
        except self._store.unavailable as error:
            raise LedgerUnavailable from error

    def _check_order(self, written: Iterable[tuple[NumberedVisit, Any]], new: int) -> bool:
        expected = self._visits + new
        for (_, visit), outcome in written:
            if isinstance(outcome, Receipt):
                self._visits = outcome.snapshot.visits
                if not outcome.duplicate:
                    self._in_order &= visit.at_ms > self._newest_ms - DISORDER_MS // 2
                    self._newest_ms = max(self._newest_ms, visit.at_ms)
        others_wrote = self._visits > expected
        self._in_order &= not others_wrote
        return others_wrote

    def end(self, by: Actor, details: dict[str, str]) -> None:
        """End the import, even after an error. If the database is unavailable, the next import does this."""
        self._store.close()
        with suppress(LedgerUnavailable, DatabaseInUse), engine.translated_errors():
            import_queries.end(self._fence, self._in_order)
            by = by._replace(at_ms=self._clock.now_ms())
            entry = by.entry("visits.import", VISITS, **self.imported._asdict(), **details)
            with engine.exclusive(db.engine.url) as session:
                entry.store(session)
