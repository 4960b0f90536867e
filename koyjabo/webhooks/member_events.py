"""Events about who is online in communities: people who come and leave, and communities that are entered and vacated.

Presence decides what has changed, once for all workers. The worker that hears of it writes the rows; another one that
hears of it, too, writes the same keys, so each change is one event.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

from koyjabo.cluster.workers import Workers
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import ChangeKind, PresenceChange
from koyjabo.presence.services import PresenceServices
from koyjabo.webhooks import event_queries
from koyjabo.webhooks.event_queries import WebhookFact
from koyjabo.webhooks.events import AT_ONCE, WebhookEvents

TYPES = {
    ChangeKind.JOINED: "member.joined",
    ChangeKind.LEFT: "member.left",
    ChangeKind.OCCUPIED: "community.occupied",
    ChangeKind.VACATED: "community.vacated",
}


class MemberEvents:
    """Call `tick` every second. Becomes the listener of the changes of online members."""

    tell_workers: Callable[[], object] = staticmethod(lambda: None)
    """Called before changes are written: tells other workers in which communities somebody is online. Does not wait."""

    def __init__(
        self,
        database: DatabaseExecutor,
        runtime: Runtime,
        presence: PresenceServices,
        workers: Workers,
        events: WebhookEvents,
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._members = presence.members
        self._arrivals = presence.arrivals
        self._workers = workers
        self._events = events
        self._live: set[str] = set()
        self._due: set[Scope] = set()
        self._is_writing = False
        self._lock = threading.Lock()  # code that holds it must not wait
        presence.member_changes.is_wanted = self._is_wanted
        presence.member_changes.wait = self.write_soon

    def write_soon(self, scope: Scope) -> None:
        """Write the changes of a community that wait, in a task. Does not wait."""
        with self._lock:
            self._due.add(scope)
            if self._is_writing:
                return
            self._is_writing = True
        self._runtime.start_task(self._write_all)

    def tick(self) -> None:
        """After the end of a worker, look at the communities in which somebody is online: leases of its people expire,
        and no other worker may have a reason to ask for them.
        """
        live = {worker.id for worker in self._workers.live()}
        has_ended, self._live = bool(self._live - live), live
        if has_ended:
            for scope in filter(self._is_wanted, self._arrivals.occupied()):
                self._members.online(scope)

    def _is_wanted(self, scope: Scope) -> bool:
        return any(self._events.wants(type, scope) for type in TYPES.values())

    def _write_all(self) -> None:
        self.tell_workers()  # so that they know where to look if this worker is killed
        try:
            while scope := self._next():
                while self._write_batch(scope):
                    pass
        except LedgerUnavailable:
            pass  # they wait on, and the next refresh of presence says so
        finally:
            with self._lock:
                self._is_writing = False

    def _next(self) -> Scope | None:
        with self._lock:
            return self._due.pop() if self._due else None

    def _write_batch(self, scope: Scope) -> bool:
        """Whether there may be more. Raises LedgerUnavailable."""
        changes = self._members.changes(scope, AT_ONCE)
        wanted = [each for each in changes if self._events.wants(TYPES[each.kind], scope)]
        if wanted:
            refs = self._database.read(event_queries.refs_of, {each.person for each in wanted})
            self._database.write(event_queries.record_all, [_fact(scope, each, refs) for each in wanted])
        if changes:
            self._members.told(scope, changes)
        return len(changes) == AT_ONCE


def _fact(scope: Scope, change: PresenceChange, refs: Mapping[str, str]) -> WebhookFact:
    """`revision` grows with each change of the count, so that a late event can be told from a newer one."""
    ref = refs.get(change.person)
    person = {"ref": ref} if ref else {"id": change.person} if change.person else {}
    data = {"community": scope, **person, "count": change.count, "revision": change.version}
    type = TYPES[change.kind]
    key = f"{type}:{scope}:{change.version}:{change.person}"
    return WebhookFact(type, key, scope, change.at_ms, json.dumps(data, ensure_ascii=False))
