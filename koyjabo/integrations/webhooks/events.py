"""Holds the webhooks' subscriptions in memory, and stores events that no database change causes."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.integrations.webhooks import event_queries
from koyjabo.integrations.webhooks.event_queries import WebhookFact

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Maximum number of published events waiting for the database. Beyond that, the oldest ones are dropped."""

AT_ONCE = 500
"""Maximum number of events per transaction."""


class WebhookEvents:
    """Events for webhooks. Call `tick` every second to read the subscriptions. Before the first call, all events count
    as subscribed.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._subscribed: frozenset[tuple[str, str | None]] | None = None
        self._waiting: deque[WebhookFact] = deque(maxlen=MOST_WAITING)
        self._busy = False

    def wants(self, type: str, scope: Scope) -> bool:
        """Whether an enabled webhook subscribes to such an event, according to data in memory that is at most a second
        old. Other events need not be stored.
        """
        subscribed = self._subscribed
        return subscribed is None or (type, None) in subscribed or (type, scope) in subscribed

    def publish(self, type: str, key: str, scope: Scope, data: Mapping[str, Any]) -> None:
        """Store an event that no database change causes, if it has subscribers. Does not wait. Events that are not
        written yet are lost if the process is killed. `key` and `data` are as in WebhookFact.
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
        """Read the subscriptions. Raises LedgerUnavailable."""
        subscriptions = self._database.read(event_queries.subscriptions)
        self._subscribed = frozenset(
            (type, webhook.community_id) for webhook in subscriptions for type in webhook.events.split()
        )

    def _write(self) -> None:
        """Write the published events. If the ledger is unavailable, they keep waiting, and LedgerUnavailable is
        raised.
        """
        while self._waiting:
            events = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._database.write(event_queries.record_all, events)
            except LedgerUnavailable:
                self._waiting.extendleft(reversed(events[: MOST_WAITING - len(self._waiting)]))
                raise

    def close(self) -> None:
        """Write the waiting events, if the database is available."""
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
