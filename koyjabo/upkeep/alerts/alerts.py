"""Sends alerts, on a single worker across all servers: about traffic (`traffic`), and webhook events when Health checks
change, at most once a minute for each check.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs.claims import WorkLease
from koyjabo.base.models import SITE
from koyjabo.integrations.webhooks.events import WebhookEvents
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.alerts import traffic_queries as queries
from koyjabo.upkeep.alerts.traffic import TrafficAlerts
from koyjabo.upkeep.health.findings import GOOD, OFF, UNREAD, HealthCheck
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.system import Readiness

LEASE = "alerts"
"""The row in `nightly_work` that names the polling worker."""

POLL_S = 15.0

CHANGED = "health.changed"

REST_MS = MINUTE_MS
"""Minimum time between two events for the same check, ms."""

START_MS = MINUTE_MS
"""How long a worker waits after starting before it sends anything, ms. Other workers may not have started yet."""


OF_ONE_WORKER = frozenset({"proxies"})
"""Checks that each worker evaluates from its own requests."""


class HealthChanges:
    """Compares Health with its last reported state.

    Call `poll` every few seconds, on only one worker across all servers. Raises LedgerUnavailable. A check that is
    turned off is reported as good. The first poll sends nothing unless there is an earlier event to compare with.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        events: WebhookEvents,
        checks: Callable[[], Sequence[HealthCheck]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._checks = checks
        self._starts_ms = clock.elapsed_ms() + START_MS
        self._reported: Mapping[str, str] | None = None  # the level of each check
        self._reported_ms: dict[str, int] = {}

    def has_recipients(self) -> bool:
        """Whether a webhook is subscribed."""
        return self._events.wants(CHANGED, SITE)

    def forget(self) -> None:
        """Forget the reported state, because this worker no longer polls."""
        self._reported = None

    def poll(self) -> None:
        if self._clock.elapsed_ms() < self._starts_ms:
            return
        known = [check for check in self._checks() if check.name not in OF_ONE_WORKER and check.code != UNREAD]
        checks = {check.name: check for check in known}
        levels = {name: GOOD if check.level == OFF else check.level for name, check in checks.items()}
        if self._reported is None:
            stored = self._database.read(queries.newest_data, CHANGED, SITE)
            self._reported = levels | (json.loads(stored)["levels"] if stored else {})
        reported = self._reported
        changed = [name for name in levels if levels[name] != reported.get(name, levels[name]) and self._is_due(name)]
        if not changed:
            return
        self._reported = {**reported, **{name: levels[name] for name in changed}}
        self._reported_ms |= dict.fromkeys(changed, self._clock.elapsed_ms())
        self._events.publish(
            CHANGED, f"{CHANGED}:{uuid.uuid4()}", SITE, _data(reported, self._reported, checks, changed)
        )

    def _is_due(self, name: str) -> bool:
        reported_ms = self._reported_ms.get(name)
        return reported_ms is None or self._clock.elapsed_ms() - reported_ms >= REST_MS


def _data(
    before: Mapping[str, str], after: Mapping[str, str], checks: Mapping[str, HealthCheck], changed: Sequence[str]
) -> dict[str, Any]:
    """The event's data. `levels` has the levels of all checks."""
    changes = [{"check": name, "from": before[name], "to": after[name], "code": checks[name].code} for name in changed]
    return {"checks": changes, "levels": dict(after)}


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


def build(base: Base) -> Alerts:
    database, clock, services = base.database, base.clock, base.services
    events, outbox = services[WebhookServices].events, services[MailOutbox]

    def is_ready() -> bool:
        return all(check.ok for check in services[Readiness].checks().values())

    traffic = TrafficAlerts(database, clock, outbox, events, is_ready)
    health = HealthChanges(database, clock, events, lambda: services[Health].report(OPERATOR, False).checks)
    return Alerts(database, clock, traffic, health)
