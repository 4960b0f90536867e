"""The receipt of the site's total, as of one moment: its parts add up to it (specification: Receipt)."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.audit.log import masked
from koyjabo.audit.queries import AuditRecord
from koyjabo.cluster.base import Base
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import Account
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.services import CountingServices
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.maintenance.health import queries as health
from koyjabo.maintenance.health.queries import LastRecount
from koyjabo.receipts import change_queries
from koyjabo.receipts.change_queries import TotalChange, TotalHistory
from koyjabo.receipts.parts import VISITS, ReceiptPart, parts_of

ATTEMPTS = 3
"""How often a change of the total may come between two reads of one receipt."""

RECOUNT_KEPT_MS = 5_000
"""So long the last recount is not looked for again."""

OPERATOR_NAME = "operator"
"""Who acts at the command line."""

NEVER = TotalHistory(0, 0, 0, ())


class ImportOfVisits(NamedTuple):
    """Visits of other programs, which have numbers of their own: they are among those that were counted one by one."""

    at_ms: int
    visits: int
    program: str  # "" for a file of this one
    by: str | None


class TotalReceipt(NamedTuple):
    total: int
    revision: int  # of the newest commit that it includes; also its moment, ms since 1970 UTC
    newest_ms: int | None  # when the newest visit came, as far as it is known
    parts: tuple[ReceiptPart, ...]  # the oldest first; they add up to `total`
    recounted: LastRecount | None
    imports: tuple[ImportOfVisits, ...] = ()  # not told to everybody; the oldest first

    @property
    def changes(self) -> list[ReceiptPart]:
        """What no visit of this site has added."""
        return [part for part in self.parts if part.kind != VISITS]

    @property
    def visits(self) -> list[ReceiptPart]:
        """What was counted one by one."""
        return [part for part in self.parts if part.kind == VISITS]

    @property
    def counted(self) -> int:
        return sum(part.amount for part in self.visits)

    @property
    def was_lowered(self) -> bool:
        """Whether numbers were taken back, and so may have been given again."""
        return any(part.amount < 0 for part in self.parts)


class Receipts:
    """A read costs what `Visits.stats` costs: the changes of the total are read again when something other than a visit
    has changed it. All methods raise LedgerUnavailable.
    """

    def __init__(self, visits: Visits, database: DatabaseExecutor, clock: Clock) -> None:
        self._visits = visits
        self._database = database
        self._clock = clock
        self._history = NEVER
        self._recounted: LastRecount | None = None
        self._recount_read_ms = -RECOUNT_KEPT_MS  # by `elapsed_ms`

    def now(self) -> TotalReceipt:
        """For everybody: without names and reasons."""
        receipt = self._read()
        return receipt._replace(parts=tuple(part._replace(reason=None) for part in receipt.parts))

    def explained(self, account: Account) -> TotalReceipt:
        """With names and reasons; emails in them are masked for viewers. Raises Forbidden unless the account is an
        admin or a viewer of the site.
        """
        account.require_site_viewer()
        receipt, authors = self._read(), self._database.read(change_queries.authors)
        imports = tuple(map(_imported, self._database.read(change_queries.imports)))

        def told(part: ReceiptPart) -> ReceiptPart:
            known = authors.get((part.at_ms, part.total_after)) if part.at_ms and part.total_after is not None else None
            part = part._replace(by=_name(known))
            return part if account.is_admin else part._replace(reason=masked(part.reason), by=masked(part.by))

        return receipt._replace(parts=tuple(told(part) for part in receipt.parts), imports=imports)

    def _read(self) -> TotalReceipt:
        snapshot, changes = self._explained_snapshot()
        parts, last = parts_of(changes, snapshot.visits, snapshot.total), self._visits.newest().last
        newest_ms = last.at_ms if last else None
        return TotalReceipt(snapshot.total, snapshot.revision, newest_ms, parts, self._last_recount())

    def _explained_snapshot(self) -> tuple[CounterSnapshot, tuple[TotalChange, ...]]:
        """The newest figures, and the changes that explain them: the total moves ahead of the visits only with a
        change, and falls only in another epoch.
        """
        for _ in range(ATTEMPTS):
            if not self._visits.refresh(self._visits.site):
                raise LedgerUnavailable
            snapshot, history = self._visits.site.snapshot, self._history
            if (snapshot.epoch, snapshot.total - snapshot.visits) == (history.epoch, history.total - history.visits):
                return snapshot, history.changes
            self._history = self._database.read(change_queries.history)
        raise LedgerUnavailable

    def _last_recount(self) -> LastRecount | None:
        if self._clock.elapsed_ms() - self._recount_read_ms >= RECOUNT_KEPT_MS:
            self._recounted = self._database.read(health.last_recount)
            self._recount_read_ms = self._clock.elapsed_ms()
        return self._recounted


def build(base: Base) -> Receipts:
    return Receipts(base.services[CountingServices].visits, base.database, base.clock)


def _name(record: AuditRecord | None) -> str | None:
    return None if record is None else (record.actor or None) if record.actor_id else OPERATOR_NAME


def _imported(record: AuditRecord) -> ImportOfVisits:
    return ImportOfVisits(record.at_ms, record.details["new"], record.details.get("program", ""), _name(record))
