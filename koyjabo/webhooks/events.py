"""Which events webhooks want, and the record of events that are no change of the database."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.webhooks import event_queries
from koyjabo.webhooks.event_queries import WebhookFact

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Published events that wait for the database; while it is away, the oldest give way."""

AT_ONCE = 500
"""Events in one transaction."""


class WebhookEvents:
    """Call `tick` every second, to learn what is wanted. Until then, every event is."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._wanted: frozenset[tuple[str, str | None]] | None = None
        self._waiting: deque[WebhookFact] = deque(maxlen=MOST_WAITING)
        self._busy = False

    def wants(self, type: str, scope: Scope) -> bool:
        """Whether an enabled webhook asks for such an event. A look into memory, at most a second old: for events that
        nobody wants, nothing need be recorded.
        """
        wanted = self._wanted
        return wanted is None or (type, None) in wanted or (type, scope) in wanted

    def publish(self, type: str, key: str, scope: Scope, data: Mapping[str, Any]) -> None:
        """Record an event that is no change of the database, if it is wanted. Waits for nothing; what waits to be
        written when the process is killed is lost. `key` and `data` are those of WebhookFact.
        """
        if not self.wants(type, scope):
            return
        self._waiting.append(WebhookFact(type, key, scope, self._clock.now_ms(), json.dumps(data, ensure_ascii=False)))
        if not self._busy:
            self._busy = True
            self._runtime.start_task(self._write_in_task)

    def tick(self) -> None:
        with suppress(LedgerUnavailable):  # the next tick tries again
            self._write()
            self.refresh()

    def refresh(self) -> None:
        """Read what is wanted. Raises LedgerUnavailable."""
        subscriptions = self._database.read(event_queries.subscriptions)
        self._wanted = frozenset((type, webhook.community_id) for webhook in subscriptions for type in webhook.types)

    def _write(self) -> None:
        """Write the published events. Raises LedgerUnavailable; then they still wait."""
        while self._waiting:
            events = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._database.write(event_queries.record_all, events)
            except LedgerUnavailable:
                self._waiting.extendleft(reversed(events[: MOST_WAITING - len(self._waiting)]))
                raise

    def close(self) -> None:
        """Write what waits, if the database is there."""
        try:
            self._write()
        except LedgerUnavailable:
            log.warning("webhook_events_lost events=%d", len(self._waiting))

    def _write_in_task(self) -> None:
        try:
            with suppress(LedgerUnavailable):  # the next tick tries again
                self._write()
        finally:
            self._busy = False
