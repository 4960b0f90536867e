"""The Health report for pages: the checks with their facts, and the overall level."""

from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.network.services import NetworkServices
from koyjabo.people.audit import log as audit
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.backups.backups import Backups
from . import checks, queries
from .findings import DANGER, HealthCheck
from .system import Readiness, Ready, System, SystemFacts

KEPT_MS, RED_KEPT_MS = 10_000, 1_000
"""How long the level is cached, ms, because every page of the panel shows it. A red level is cached for a
shorter time.
"""


class HealthReport(NamedTuple):
    facts: SystemFacts
    checks: list[HealthCheck]  # worst first
    is_read: bool = True  # False while the database cannot be read
    as_of_ms: int | None = None  # time of the last successful read, as far as this worker knows

    @property
    def level(self) -> str:
        return checks.worst(self.checks)


class Health:
    """The server's health. `is_behind_local_proxy`: whether the addresses of this worker's clients suggest an
    undeclared proxy (`base.network.client_address`).
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._system = base.services[System]
        self._readiness = base.services[Readiness]
        self._outbox = base.services[MailOutbox]
        self._backups = base.services[Backups]
        self._places = base.services[NetworkServices].places
        self._level, self._checked_ms = DANGER, -KEPT_MS
        self._last: SystemFacts | None = None

    def report(self, account: Account, is_behind_local_proxy: bool) -> HealthReport:
        """The report, for site admins and viewers; raises Forbidden for other accounts. While the database cannot be
        read, it contains what this worker read last.
        """
        facts, last, ready = self._read(account), self._last, self._readiness.checks()
        is_read = facts is not None
        if facts is None:
            facts, ready["database"] = self._system.facts_without_database(account, last), Ready(False)
        has_countries = self._places.has_countries
        facts = facts._replace(ready=ready, has_countries=has_countries, is_behind_local_proxy=is_behind_local_proxy)
        if is_read:
            self._last, results = facts, checks.checks(facts)
        else:
            results = checks.checks_without_database(facts, last is not None)
        self._level, self._checked_ms = checks.worst(results), self._clock.elapsed_ms()
        return HealthReport(facts, results, is_read, last.now_ms if last else None)

    def _read(self, account: Account) -> SystemFacts | None:
        """The facts from the database; None while it cannot be read."""
        if not self._system.reads_ledger:  # so no reader has to wait for it
            return None
        try:
            backups = self._backups.state(account) if self._backups.is_on else None
            return self._system.facts(account)._replace(mail=self._outbox.status(), backups=backups)
        except LedgerUnavailable:
            return None

    def mark_rollback_seen(self, account: Account, at_ms: int) -> None:
        """Acknowledge the rollback of the database at `at_ms` (UTC), which must be the latest one. Raises Forbidden
        unless the account is a site admin, and LedgerUnavailable.
        """
        account.require_site_admin()
        self._database.write(queries.mark_rollback_seen, audit.actor(account, self._clock), at_ms)
        self.invalidate()  # so that this worker's next page reads the facts again

    def level(self, is_behind_local_proxy: bool) -> str:
        """One of `checks.LEVELS`, at most KEPT_MS old (RED_KEPT_MS if red). Red at once while visits are not saved."""
        if self._system.unsaved() is not None:
            return DANGER
        kept_ms = RED_KEPT_MS if self._level == DANGER else KEPT_MS
        if self._clock.elapsed_ms() - self._checked_ms >= kept_ms:
            self._checked_ms = self._clock.elapsed_ms()  # first, so that concurrent requests do not check as well
            self.report(OPERATOR, is_behind_local_proxy)
        return self._level

    def invalidate(self) -> None:
        """Make the next call to `level` read the facts again."""
        self._checked_ms = self._clock.elapsed_ms() - KEPT_MS
