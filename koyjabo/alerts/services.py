"""Builds the alerts, and decides which worker polls."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from koyjabo.alerts.health_changes import HealthChanges
from koyjabo.alerts.traffic import TrafficAlerts
from koyjabo.cluster.base import Base
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import OPERATOR
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.health.health import Health
from koyjabo.health.readiness import Readiness
from koyjabo.jobs.claims import WorkLease
from koyjabo.mail.outbox import MailOutbox
from koyjabo.webhooks.services import WebhookServices

LEASE = "alerts"
"""The row in `nightly_work` that names the polling worker."""

POLL_S = 15.0


class Alerts:
    """Sends alerts. Call `tick` every POLL_S on every worker. Only one worker polls; when it exits, another one takes
    over. Nothing is read if there are no recipients.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, traffic: TrafficAlerts, health: HealthChanges) -> None:
        self._lease = WorkLease(database, clock, LEASE)
        self._traffic = traffic
        self._health = health

    def tick(self) -> None:
        with suppress(LedgerUnavailable):  # the next tick tries again
            self._poll()

    def close(self) -> None:
        """Release the lease, so that another worker can poll at once."""
        self._lease.release()

    def _poll(self) -> None:
        of_traffic, of_health = self._traffic.has_recipients(), self._health.has_recipients()
        if of_traffic:
            self._traffic.note_readiness()
        if not ((of_traffic or of_health) and self._lease.take()):
            self._health.forget()
            return
        if of_traffic:
            self._traffic.poll()
        if of_health:
            self._health.poll()
        else:
            self._health.forget()


@dataclass(frozen=True, slots=True)
class AlertServices:
    alerts: Alerts


def build(base: Base) -> AlertServices:
    database, clock, services = base.database, base.clock, base.services
    events, outbox = services[WebhookServices].events, services[MailOutbox]

    def is_ready() -> bool:
        return all(check.ok for check in services[Readiness].checks().values())

    traffic = TrafficAlerts(database, clock, outbox, events, is_ready)
    health = HealthChanges(database, clock, events, lambda: services[Health].report(OPERATOR, False).checks)
    return AlertServices(Alerts(database, clock, traffic, health))
