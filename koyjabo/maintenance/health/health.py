"""Health as pages show it: the checks with the facts behind them, and the level of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import OPERATOR, Account
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Status
from koyjabo.maintenance.backups.backups import Backups
from koyjabo.maintenance.health import checks
from koyjabo.maintenance.health.checks import DANGER, HealthCheck, Seen
from koyjabo.maintenance.health.readiness import Readiness
from koyjabo.maintenance.health.system import System, SystemFacts

KEPT_MS = 10_000
"""For how long the level is shown without another look: it is on every page of the panel."""


class HealthReport(NamedTuple):
    facts: SystemFacts
    mail: Status | None
    checks: list[HealthCheck]

    @property
    def level(self) -> str:
        return checks.worst(self.checks)


class Health:
    """`is_behind_local_proxy` is what this worker has noticed of its clients' addresses (`network.client_address`)."""

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
        self._level, self._looked_ms = DANGER, -KEPT_MS

    def report(self, account: Account, is_behind_local_proxy: bool) -> HealthReport:
        """For admins and viewers of the site; raises Forbidden for other accounts. Raises LedgerUnavailable."""
        facts, mail = self._system.facts(account), self._outbox.status()
        backups = self._backups.state(account) if self._backups.is_on else None
        seen = Seen(facts, self._readiness.checks(), mail, self._has_countries(), is_behind_local_proxy, backups)
        report = HealthReport(facts, mail, checks.checks(seen))
        self._level, self._looked_ms = report.level, self._clock.elapsed_ms()
        return report

    def mark_rollback_seen(self, account: Account, at_ms: int) -> None:
        """An admin of the site has seen that the database went back at `at_ms` (UTC), the newest time; raises Forbidden
        for other accounts. Raises LedgerUnavailable.
        """
        self._system.mark_rollback_seen(account, at_ms)
        self._looked_ms = self._clock.elapsed_ms() - KEPT_MS  # so that the next page of this worker looks again

    def level(self, is_behind_local_proxy: bool) -> str:
        """One of `checks.LEVELS`, at most KEPT_MS old; red at once while visits are not saved."""
        if self._system.unsaved_ms() is not None:
            return DANGER
        if self._clock.elapsed_ms() - self._looked_ms >= KEPT_MS:
            self._look(is_behind_local_proxy)
        return self._level

    def look_again(self) -> None:
        """Let the next call of `level` look at the facts."""
        self._looked_ms = self._clock.elapsed_ms() - KEPT_MS

    def _look(self, is_behind_local_proxy: bool) -> None:
        self._looked_ms = self._clock.elapsed_ms()  # first, so that requests that come meanwhile do not look as well
        try:
            self.report(OPERATOR, is_behind_local_proxy)
        except LedgerUnavailable:
            self._level = DANGER
