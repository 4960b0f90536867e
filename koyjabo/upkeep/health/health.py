"""The Health report for pages: the checks with their facts, and the overall level."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.network.services import NetworkServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.health import checks
from koyjabo.upkeep.health.checks import Seen
from koyjabo.upkeep.health.findings import DANGER, HealthCheck
from koyjabo.upkeep.health.system import UNREAD, Readiness, Ready, System, SystemFacts

KEPT_MS, RED_KEPT_MS = 10_000, 1_000
"""How long the level is cached, ms, because every page of the panel shows it. A red level is cached for a
shorter time.
"""


class HealthReport(NamedTuple):
    facts: SystemFacts
    mail: Status | None
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

    def __init__(
        self,
        system: System,
        readiness: Readiness,
        outbox: MailOutbox,
        backups: Backups,
        clock: Clock,
        has_countries: Callable[[], bool],
    ) -> None:
        self._system = system
        self._readiness = readiness
        self._outbox = outbox
        self._backups = backups
        self._clock = clock
        self._has_countries = has_countries
        self._level, self._checked_ms = DANGER, -KEPT_MS
        self._last: Seen | None = None

    def report(self, account: Account, is_behind_local_proxy: bool) -> HealthReport:
        """The report, for site admins and viewers; raises Forbidden for other accounts. While the database cannot be
        read, it contains what this worker read last.
        """
        report = self._read_report(account, is_behind_local_proxy) or self._remembered(account, is_behind_local_proxy)
        self._level, self._checked_ms = report.level, self._clock.elapsed_ms()
        return report

    def _read_report(self, account: Account, is_behind_local_proxy: bool) -> HealthReport | None:
        if not self._system.reads_ledger:  # so no reader has to wait for it
            return None
        try:
            facts, mail = self._system.facts(account), self._outbox.status()
            backups = self._backups.state(account) if self._backups.is_on else None
            ready, has_countries = self._readiness.checks(), self._has_countries()
            self._last = Seen(facts, ready, mail, has_countries, is_behind_local_proxy, backups)
        except LedgerUnavailable:
            return None
        return HealthReport(self._last.facts, self._last.mail, checks.checks(self._last))

    def _remembered(self, account: Account, is_behind_local_proxy: bool) -> HealthReport:
        last = self._last or Seen(UNREAD, {}, None, self._has_countries(), is_behind_local_proxy)
        facts = self._system.facts_without_database(account, last.facts if self._last else None)
        away = {**self._readiness.checks(), "database": Ready(False)}
        seen = last._replace(facts=facts, ready=away, is_behind_local_proxy=is_behind_local_proxy)
        results = checks.checks_without_database(seen, self._last is not None)
        return HealthReport(facts, seen.mail, results, False, last.facts.now_ms if self._last else None)

    def mark_rollback_seen(self, account: Account, at_ms: int) -> None:
        """Acknowledge the rollback of the database at `at_ms` (UTC), which must be the latest one. Raises Forbidden
        unless the account is a site admin, and LedgerUnavailable.
        """
        self._system.mark_rollback_seen(account, at_ms)
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


def build(base: Base) -> Health:
    services, places = base.services, base.services[NetworkServices].places
    readiness, outbox = services[Readiness], services[MailOutbox]
    return Health(services[System], readiness, outbox, services[Backups], base.clock, lambda: places.has_countries)
