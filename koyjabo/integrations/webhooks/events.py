"""Holds the webhooks' subscriptions in memory, and stores events that no database change causes: also about people who
come online in communities and leave, and communities that become occupied or vacant.

Presence decides what has changed, once for all workers. The worker that receives a change writes its event. If another
worker receives it as well, it writes the same key, so each change still produces one event.
"""

import hashlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from koyjabo.base.cluster.workers import Workers
from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import ChangeKind, PresenceChange
from koyjabo.presence.services import PresenceServices
from . import delivery_queries
from .delivery_queries import WebhookFact

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
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
        self._waiting: deque[WebhookFact] = deque(maxlen=MAX_WAITING)
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
        subscriptions = self._database.read(delivery_queries.subscriptions)
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
                self._database.write(delivery_queries.record_all, events)
            except LedgerUnavailable:
                self._waiting.extendleft(reversed(events[: MAX_WAITING - len(self._waiting)]))
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


TYPES = {
    ChangeKind.JOINED: "member.joined",
    ChangeKind.LEFT: "member.left",
    ChangeKind.OCCUPIED: "community.occupied",
    ChangeKind.VACATED: "community.vacated",
}

SCOPES_AT_ONCE = 100
"""Maximum number of communities whose changes are written together."""

RECENT_MS = MINUTE_MS
"""How long arrivals count as recent, ms: longer than workers take to notice that a worker has exited."""

PAUSE_S = 0.1
"""Pause between transactions, s, so that visits can be committed while many people come and go."""


class MemberEvents:
    """Writes online members' changes as events. Call `tick` every second."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        runtime: Runtime,
        presence: PresenceServices,
        workers: Workers,
        events: WebhookEvents,
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._members = presence.members
        self._arrivals = presence.arrivals
        self._workers = workers
        self._events = events
        self._live: set[str] = set()
        self._due: set[Scope] = set()
        self._is_writing = False
        self._lock = threading.Lock()  # must not be held while waiting

    def write_soon(self, scope: Scope) -> None:
        """Start a task that writes a community's waiting changes. Does not wait."""
        with self._lock:
            self._due.add(scope)
            if self._is_writing:
                return
            self._is_writing = True
        self._runtime.start_task(self._write_all)

    def tick(self) -> None:
        """After a worker has exited, read all communities with people online: the leases of its people expire, and
        possibly no other worker reads these communities. Call this every second.
        """
        live = {worker.id for worker in self._workers.live()}
        if self._live - live:
            since_ms = self._clock.now_ms() - RECENT_MS
            # Arrivals reach other workers about a second later, so very recent ones are found through their rows.
            try:
                recent = self._database.read(delivery_queries.scopes_since, [*TYPES.values()], since_ms)
            except LedgerUnavailable:
                return  # the next tick tries again
            for scope in filter(self.wants, {*self._arrivals.occupied(), *recent}):
                self._members.online(scope)
        self._live = live

    def wants(self, scope: Scope) -> bool:
        """Whether a webhook wants the changes of a scope. Does not wait."""
        return any(self._events.wants(type, scope) for type in TYPES.values())

    def _write_all(self) -> None:
        try:
            while self._due:
                with self._lock:
                    scopes = [self._due.pop() for _ in range(min(SCOPES_AT_ONCE, len(self._due)))]
                self._write(scopes)
                time.sleep(PAUSE_S if self._due else 0)
        except LedgerUnavailable:
            pass  # the changes keep waiting until the next refresh of presence reports them
        finally:
            with self._lock:
                self._is_writing = False

    def _write(self, scopes: Collection[Scope]) -> None:
        """Write these communities' waiting changes. Raises LedgerUnavailable."""
        by_scope = {scope: self._members.changes(scope, AT_ONCE) for scope in scopes}
        waiting = [
            (scope, change)
            for scope, changes in by_scope.items()
            for change in changes
            if self._events.wants(TYPES[change.kind], scope)
        ]
        for start in range(0, len(waiting), AT_ONCE):
            self._database.write(_record, waiting[start : start + AT_ONCE])
        for scope, changes in by_scope.items():
            if changes:
                self._members.acknowledge(scope, changes)
            if len(changes) == AT_ONCE:
                self.write_soon(scope)


def _record(session: Any, changes: Sequence[tuple[Scope, PresenceChange]]) -> None:
    users = delivery_queries.known_users(session, {change.person for _, change in changes})
    delivery_queries.record_all(session, [_fact(scope, change, users) for scope, change in changes])


def _fact(scope: Scope, change: PresenceChange, users: Mapping[str, str | None]) -> WebhookFact:
    """The event for a change. `revision` grows with each change of the count, so that a late event can be recognised.
    When a person whose account was deleted leaves, the event does not name them, because no row does.
    """
    person = {}
    if change.person in users:
        ref = users[change.person]
        person = {"ref": ref} if ref else {"id": change.person}
    data = {"community": scope, **person, "count": change.count, "revision": change.version}
    type = TYPES[change.kind]
    digest = hashlib.blake2b(f"{scope} {change.version} {change.person}".encode(), digest_size=16).hexdigest()
    return WebhookFact(type, f"{type}:{scope}:{digest}", scope, change.at_ms, json.dumps(data, ensure_ascii=False))
