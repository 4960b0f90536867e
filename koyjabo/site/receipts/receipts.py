"""The receipt for the site's total at one moment. Its parts add up to the total (specification: Receipt)."""

from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import Account
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.visits import Visits
from koyjabo.people.audit.audit import masked
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.upkeep.recounts.recounts import is_outgrown
from . import queries
from .queries import TotalChange, TotalHistory
from .receipt_parts import VISITS_PART, ReceiptPart, parts_of
from .verification_queries import LastRecount, Verification, VerifiedBackup, verification

READ_ATTEMPTS = 3
"""How many times to try reading a receipt if the total changes between its two reads."""

VERIFICATION_KEPT_MS = 5_000
"""How long the last recount and the last backup are cached, ms."""

OPERATOR_NAME = "operator"
"""The name shown for people who use the command line."""

NO_HISTORY = TotalHistory(0, 0, 0, ())


class TotalReceipt(NamedTuple):
    total: int
    revision: int  # of the latest commit it includes; also that commit's time, ms since 1970 UTC
    newest_ms: int | None  # time of the latest visit, if known
    parts: tuple[ReceiptPart, ...]  # oldest first; they add up to `total`
    recounted: LastRecount | None
    backup: VerifiedBackup | None

    @property
    def changes(self) -> list[ReceiptPart]:
        """All parts except visits."""
        return [part for part in self.parts if part.kind != VISITS_PART]

    @property
    def visits(self) -> list[ReceiptPart]:
        """The parts that are visits counted one by one."""
        return [part for part in self.parts if part.kind == VISITS_PART]

    @property
    def counted(self) -> int:
        return sum(part.amount for part in self.visits)

    @property
    def is_mostly_unchecked(self) -> bool:
        """Whether the latest recount covers less than half of the visits."""
        return is_outgrown(self.recounted and self.recounted.visits, self.counted)

    @property
    def was_lowered(self) -> bool:
        """Whether visit numbers were taken back, so that some may have been used twice."""
        return any(part.amount < 0 for part in self.parts)


class Receipts:
    """Reads receipts. This costs as much as `Visits.stats`, because changes to the total are read again only after a
    new one has been made. All methods raise LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._visits, self._database, self._clock = base.services[Visits], base.database, base.clock
        self._history = NO_HISTORY
        self._verification = Verification()
        self._verification_read_ms = -VERIFICATION_KEPT_MS  # by `elapsed_ms`

    def now(self) -> TotalReceipt:
        """The public receipt, without names or reasons."""
        receipt = self._read()
        return receipt._replace(parts=tuple(part._replace(reason=None) for part in receipt.parts))

    def explained(self, account: Account) -> TotalReceipt:
        """The receipt with names and reasons. Emails are masked for viewers. Raises Forbidden unless the account is an
        admin or a viewer of the site.
        """
        account.require_site_viewer()
        receipt, authors = self._read(), self._database.read(queries.authors)

        def explained(part: ReceiptPart) -> ReceiptPart:
            known = authors.get((part.at_ms, part.total_after)) if part.at_ms and part.total_after is not None else None
            part = part._replace(by=_name(known))
            return part if account.is_admin else part._replace(reason=masked(part.reason), by=masked(part.by))

        newest = self._database.read(verification)  # not cached, so that admins see their own recount
        parts = tuple(explained(part) for part in receipt.parts)
        return receipt._replace(parts=parts, **newest._asdict())

    def _read(self) -> TotalReceipt:
        snapshot, changes = self._explained_snapshot()
        if self._clock.elapsed_ms() - self._verification_read_ms >= VERIFICATION_KEPT_MS:
            self._verification = self._database.read(verification)
            self._verification_read_ms = self._clock.elapsed_ms()
        last = self._visits.newest().last
        return TotalReceipt(
            total=snapshot.total,
            revision=snapshot.revision,
            newest_ms=last.at_ms if last else None,
            parts=parts_of(changes, snapshot.visits, snapshot.total),
            **self._verification._asdict(),
        )

    def _explained_snapshot(self) -> tuple[CounterSnapshot, tuple[TotalChange, ...]]:
        """Return the latest counter, with the changes that explain its total. Apart from these changes, the total grows
        only with visits, and falls only in a new epoch.
        """
        for _ in range(READ_ATTEMPTS):
            if not self._visits.refresh(self._visits.site):
                raise LedgerUnavailable
            snapshot, history = self._visits.site.snapshot, self._history
            if (snapshot.epoch, snapshot.total - snapshot.visits) == (history.epoch, history.total - history.visits):
                return snapshot, history.changes
            self._history = self._database.read(queries.history)
        raise LedgerUnavailable


def _name(record: AuditRecord | None) -> str | None:
    return None if record is None else (record.actor or None) if record.actor_id else OPERATOR_NAME
