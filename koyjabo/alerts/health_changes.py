"""Tells webhooks when checks of Health have changed: a check that flaps, at most once a minute."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from koyjabo.alerts import traffic_queries as queries
from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.health.findings import GOOD, OFF, UNREAD, HealthCheck
from koyjabo.models import SITE
from koyjabo.webhooks.events import WebhookEvents

CHANGED = "health.changed"

REST_MS = MINUTE_MS
"""For so long, a check that was told is not told again."""

START_MS = MINUTE_MS
"""For so long after its start, a worker does not look: others may still be missing."""


OF_ONE_WORKER = frozenset({"proxies"})
"""Checks that each worker judges by its own requests."""


class HealthChanges:
    """Call `look` every few seconds, on one worker of all servers. Raises LedgerUnavailable.

    A check that is off is told as good.

    The first look is what later ones are compared with, unless an earlier worker has left an event: then that is.
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
        self._told: Mapping[str, str] | None = None  # the level of each check
        self._told_ms: dict[str, int] = {}

    def is_wanted(self) -> bool:
        """Whether a webhook wants to be told."""
        return self._events.wants(CHANGED, SITE)

    def forget(self) -> None:
        """Another worker looks from now on, or nobody does."""
        self._told = None

    def look(self) -> None:
        if self._clock.elapsed_ms() < self._starts_ms:
            return
        found = {check.name: check for check in self._checks() if _is_told(check)}
        levels = {name: GOOD if check.level == OFF else check.level for name, check in found.items()}
        if self._told is None:
            self._told = {**levels, **self._last_told()}
        told = self._told
        changed = [name for name in levels if levels[name] != told.get(name, levels[name]) and self._is_due(name)]
        if not changed:
            return
        self._told = {**told, **{name: levels[name] for name in changed}}
        self._told_ms |= dict.fromkeys(changed, self._clock.elapsed_ms())
        self._events.publish(CHANGED, f"{CHANGED}:{uuid.uuid4()}", SITE, _data(told, self._told, found, changed))

    def _is_due(self, name: str) -> bool:
        told_ms = self._told_ms.get(name)
        return told_ms is None or self._clock.elapsed_ms() - told_ms >= REST_MS

    def _last_told(self) -> Mapping[str, str]:
        data = self._database.read(queries.newest_data, CHANGED, SITE)
        return {} if data is None else {name: str(level) for name, level in json.loads(data)["levels"].items()}


def _is_told(check: HealthCheck) -> bool:
    return check.name not in OF_ONE_WORKER and check.code != UNREAD


def _data(
    before: Mapping[str, str], after: Mapping[str, str], found: Mapping[str, HealthCheck], changed: Sequence[str]
) -> dict[str, Any]:
    """`levels` are those of all checks, as they were told."""
    changes = [{"check": name, "from": before[name], "to": after[name], "code": found[name].code} for name in changed]
    return {"checks": changes, "levels": dict(after)}
