"""One worker's exchange with Redis about the people of one scope."""

from threading import Lock

from koyjabo.base.models import Scope
from .connections_with_grace import ConnectionsWithGrace
from .member_mirror import RENEW_LEASES_MS, Change, MemberMirror, SentReport
from .member_script_redis import MAX_REPORTS, NO_CONNECTIONS, SyncReply, SyncRequest
from .online_members import OnlineMember


class LeaseExchange:
    """Sends this worker's leases in batches: changed ones, and all of them after half their time. Send `request` and
    pass its reply to `take`, until `take` returns True.

    Redis returns how many of this worker's leases it has. If it has lost some, all are sent again before its count is
    adopted. A count taken partway through this, or through an expiry, is therefore never shown.
    """

    def __init__(self, scope: Scope, mirror: MemberMirror, own: ConnectionsWithGrace, lock: Lock, now_ms: int) -> None:
        """`lock` guards `mirror` and `own`."""
        self.scope = scope
        self.mirror = mirror
        self.sent: list[SentReport] = []
        self.has_lost = False  # Redis had lost some of this worker's leases
        self._own = own
        self._lock = lock
        self._now_ms = now_ms
        self._sends_all = now_ms - mirror.renewed_ms >= RENEW_LEASES_MS
        with lock:
            self._names = dict.fromkeys([*mirror.unconfirmed, *(own.names(scope) if self._sends_all else ())])
        self.request = self._next_request()

    def take(self, reply: SyncReply) -> bool:
        """Take the reply to `request`. Returns True if the exchange is complete. Otherwise, sets the next `request`."""
        for (report, change), elsewhere in zip(self._batch, reply.elsewhere, strict=True):
            self.sent.append((report, change, bool(elsewhere)))
        if not (self._names or reply.unswept):
            if self._sends_all or reply.leases == self.mirror.leases_after(self.sent):
                if self._sends_all:
                    self.mirror.renewed_ms = self._now_ms
                return True
            self._sends_all = self.has_lost = True
            with self._lock:
                self._names = dict.fromkeys(self._own.names(self.scope))
        self.request = self._next_request()
        return False

    def _next_request(self) -> SyncRequest:
        names = list(self._names)[:MAX_REPORTS]
        for name in names:
            del self._names[name]
        with self._lock:
            reports = [self._own.here(self.scope, name) or OnlineMember(name, 0, NO_CONNECTIONS) for name in names]
            self._batch: list[tuple[OnlineMember, Change | None]] = [
                (report, self.mirror.unconfirmed.get(report.person)) for report in reports
            ]
        return SyncRequest(self.scope, self.mirror.seen_version, reports)
