"""Sends alerts, on a single worker across all servers: webhook events and emails about unusual traffic, at most once
per REST_MS for each type, and webhook events when Health checks change, at most once a minute for each check.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from statistics import median
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import MINUTE_MS, Clock, iso, shifted
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.jobs.claims import WorkLease
from koyjabo.base.models import SITE
from koyjabo.integrations.webhooks import delivery_queries
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.reports.log import block_queries
from koyjabo.upkeep.health.findings import GOOD, OFF, UNREAD
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.system import Readiness
from . import traffic_queries as queries

LEASE = "alerts"
"""The row in `nightly_work` that names the polling worker."""

POLL_S = 15.0

WINDOW_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
WEEKS, MIN_WEEKS = 6, 2
"""Number of past weeks to compare traffic with, and the minimum number required."""

SPIKE_WINDOWS, DROP_WINDOWS = 2, 6
"""Number of consecutive windows that make up a spike or a drop: ten minutes and half an hour."""

MIN_VISITS = 50
"""Minimum number of visits in a window. A window with fewer visits is never a spike, and a window that
usually has fewer is never a drop.
"""

SPIKE_TIMES, SPIKE_DEVIATIONS, DROP_SHARE = 3, 6, 0.2


class Usual(NamedTuple):
    median: float
    mad: float  # median absolute deviation


class Window(NamedTuple):
    began_ms: int
    visits: int
    usual: Usual


def is_spike(windows: Sequence[Window]) -> bool:
    """Whether each of the last SPIKE_WINDOWS windows had far more visits than usual. `windows` are in chronological
    order.
    """
    newest = windows[-SPIKE_WINDOWS:]
    return len(newest) == SPIKE_WINDOWS and all(
        visits >= max(MIN_VISITS, SPIKE_TIMES * usual.median) and visits > usual.median + SPIKE_DEVIATIONS * usual.mad
        for _, visits, usual in newest
    )


def is_drop(windows: Sequence[Window]) -> bool:
    """Whether each of the last DROP_WINDOWS windows had far fewer visits than usual. `windows` are in chronological
    order.
    """
    newest = windows[-DROP_WINDOWS:]
    return len(newest) == DROP_WINDOWS and all(
        usual.median >= MIN_VISITS and visits <= DROP_SHARE * usual.median for _, visits, usual in newest
    )


def same_hours(clock: Clock, at_ms: int, weeks: int = WEEKS) -> list[int]:
    """When the same hour of the same local weekday started in each of the `weeks` before `at_ms`, ms."""
    day, hour = _local(clock, at_ms // 1000)
    days = [shifted(day, -7 * week) for week in range(1, weeks + 1)]
    return [1000 * began_s for day in days for began_s in clock.hours(day, day) if _local(clock, began_s)[1] == hour]


def has_enough(clock: Clock, at_ms: int, first_ms: int) -> bool:
    """Whether visits since `first_ms` are enough to know what is usual. They must include the whole day MIN_WEEKS
    weeks ago.
    """
    day = date.fromisoformat(shifted(_local(clock, at_ms // 1000)[0], -7 * MIN_WEEKS))
    return first_ms <= 1000 * clock.began_s(day.isoformat())


def usual_at(counts: Mapping[int, int], hours: Sequence[int]) -> Usual:
    """The usual number of visits per window in the hours that start at `hours` (ms). `counts` maps the start of each
    window to its visits, without empty windows.
    """
    visits = [counts.get(window, 0) for hour in hours for window in range(hour, hour + HOUR_MS, WINDOW_MS)]
    middle = float(median(visits))
    return Usual(middle, float(median(abs(count - middle) for count in visits)))


def _local(clock: Clock, at_s: int) -> tuple[str, str]:
    """The local day and hour."""
    text = clock.local(at_s)
    return text[:10], text[11:13]


SPIKE, DROP = "traffic.spike", "traffic.drop"

REST_MS = 6 * HOUR_MS

SETTLE_MS = 10_000
"""How long to wait after a window ends, ms, so that its visits have been committed."""

MAIL = "traffic"


class TrafficAlerts:
    """Detects unusual traffic. Call `poll` every few seconds, on only one worker across all servers. Methods raise
    LedgerUnavailable.

    A drop only counts if this worker could serve visitors the whole time.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._outbox = base.services[MailOutbox]
        self._events = base.services[WebhookServices].events
        self._readiness = base.services[Readiness]
        self._ready_since_ms: int | None = None
        self._polled_ms = 0
        self._usual: dict[int, Usual] = {}  # by start of the local hour, ms

    def has_recipients(self) -> bool:
        """Whether a webhook or a user receives these alerts."""
        if any(self._events.wants(type, SITE) for type in (SPIKE, DROP)):
            return True
        return self._outbox.is_on and self._database.read(queries.is_wanted_by_mail)

    def note_readiness(self) -> None:
        """Remember when this worker became ready."""
        if not all(check.ok for check in self._readiness.checks().values()):
            self._ready_since_ms = None
        elif self._ready_since_ms is None:
            self._ready_since_ms = self._clock.elapsed_ms()

    def poll(self) -> None:
        """Check the windows that have ended since the last call, and send alerts."""
        ended_ms = (self._clock.now_ms() - SETTLE_MS) // WINDOW_MS * WINDOW_MS
        if ended_ms == self._polled_ms:
            return
        windows = self._windows(ended_ms)
        if is_spike(windows):
            self._send(SPIKE, windows[-SPIKE_WINDOWS:])
        elif is_drop(windows) and self._ready_ms() >= len(windows) * WINDOW_MS:
            self._send(DROP, windows)
        self._polled_ms = ended_ms

    def _windows(self, ended_ms: int) -> list[Window]:
        """The last DROP_WINDOWS windows before `ended_ms`; empty if there are not enough earlier weeks to
        compare with.
        """
        began = range(ended_ms - DROP_WINDOWS * WINDOW_MS, ended_ms, WINDOW_MS)
        hours = {window_ms: 1000 * self._clock.bucket(window_ms).hour_s for window_ms in began}
        missing = {hour for hour in hours.values() if hour not in self._usual}
        learned = {hour: self._learn(hour) for hour in missing}
        usual = {**self._usual, **{hour: usual for hour, usual in learned.items() if usual is not None}}
        self._usual = {hour: usual[hour] for hour in hours.values() if hour in usual}  # the other hours are over
        if not all(hour in self._usual for hour in hours.values()):
            return []
        counts = self._read([(began[0], ended_ms)])
        return [Window(start, counts.get(start, 0), self._usual[hours[start]]) for start in began]

    def _learn(self, hour_ms: int) -> Usual | None:
        """The usual numbers for an hour; None if less than two weeks of visits are stored individually."""
        first_s, log = self._database.read(queries.first_hour_s), self._database.read(block_queries.read_state)
        if first_s is None:
            return None
        first_ms = 1000 * max(first_s, self._clock.began_s(log.folded_before) if log.folded_before else 0)
        hours = [start for start in same_hours(self._clock, hour_ms) if start >= first_ms]
        if not hours or not has_enough(self._clock, hour_ms, first_ms):
            return None
        counts = self._read([(start, start + HOUR_MS) for start in hours])
        return usual_at(counts, hours)

    def _read(self, spans: Sequence[tuple[int, int]]) -> Mapping[int, int]:
        return self._database.background_read(queries.visits_by_window, spans, WINDOW_MS)

    def _ready_ms(self) -> int:
        """How long this worker has been ready."""
        return 0 if self._ready_since_ms is None else self._clock.elapsed_ms() - self._ready_since_ms

    def _send(self, type: str, windows: Sequence[Window]) -> None:
        """Send an event and emails. `visits` and `usual` are sums over all windows."""
        began_ms, ended_ms = windows[0].began_ms, windows[-1].began_ms + WINDOW_MS
        visits, usual = sum(window.visits for window in windows), sum(window.usual.median for window in windows)
        shown = [{"from": iso(at_ms), "visits": count, **usual._asdict()} for at_ms, count, usual in windows]
        data = {"from": iso(began_ms), "to": iso(ended_ms), "visits": visits, "usual": usual, "windows": shown}
        mail: dict[str, Any] = {"first_ms": began_ms, "last_ms": ended_ms, "visits": visits, "usual": round(usual)}
        emails = [
            self._outbox.email(MAIL, to.email, to.language, f"{type} {ended_ms} {to.id}", **mail)
            for to in (self._database.read(queries.recipients) if self._outbox.is_on else ())
        ]

        def store(session: Any) -> None:
            if queries.was_sent(session, type, SITE, ended_ms - REST_MS):
                return
            delivery_queries.record(session, type, f"{type}:{ended_ms}", SITE, ended_ms, data)
            for email in emails:
                if email is not None:
                    email.store(session)

        self._database.write(store)


CHANGED = "health.changed"

CHECK_REST_MS = MINUTE_MS
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

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._events = base.services[WebhookServices].events
        self._health = base.services[Health]
        self._starts_ms = base.clock.elapsed_ms() + START_MS
        self._reported: Mapping[str, str] | None = None  # the level of each check
        self._rests_until_ms: dict[str, int] = {}

    def has_recipients(self) -> bool:
        """Whether a webhook is subscribed."""
        return self._events.wants(CHANGED, SITE)

    def forget(self) -> None:
        """Forget the reported state, because this worker no longer polls."""
        self._reported = None

    def poll(self) -> None:
        if self._clock.elapsed_ms() < self._starts_ms:
            return
        results = (
            check
            for check in self._health.report(OPERATOR, False).checks
            if check.name not in OF_ONE_WORKER and check.code != UNREAD
        )
        checks = {check.name: check for check in results}
        levels = {name: GOOD if check.level == OFF else check.level for name, check in checks.items()}
        if self._reported is None:
            stored = self._database.read(queries.newest_data, CHANGED, SITE)
            self._reported = levels | (json.loads(stored)["levels"] if stored else {})
        before, now_ms = self._reported, self._clock.elapsed_ms()
        changed = [
            name
            for name, level in levels.items()
            if level != before.get(name, level) and now_ms >= self._rests_until_ms.get(name, 0)
        ]
        if not changed:
            return
        self._reported = {**before, **{name: levels[name] for name in changed}}
        self._rests_until_ms |= dict.fromkeys(changed, now_ms + CHECK_REST_MS)
        changes = [
            {"check": name, "from": before[name], "to": levels[name], "code": checks[name].code} for name in changed
        ]
        data = {"checks": changes, "levels": dict(self._reported)}
        self._events.publish(CHANGED, f"{CHANGED}:{uuid.uuid4()}", SITE, data)


class Alerts:
    """Sends alerts. Call `tick` every POLL_S on every worker. Only one worker polls; when it exits, another one takes
    over. Nothing is read if there are no recipients.
    """

    def __init__(self, base: Base) -> None:
        self._lease = WorkLease(base.database, base.clock, LEASE)
        self._traffic = TrafficAlerts(base)
        self._health = HealthChanges(base)

    def tick(self) -> None:
        with suppress(LedgerUnavailable):  # the next tick tries again
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

    def close(self) -> None:
        """Release the lease, so that another worker can poll at once."""
        self._lease.release()
