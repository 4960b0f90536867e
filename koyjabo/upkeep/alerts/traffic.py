"""Alerts about unusual traffic: a webhook event and emails, at most once per REST_MS for each type of alert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from statistics import median
from typing import Any, NamedTuple

from koyjabo.base.core.clock import MINUTE_MS, Clock, iso, shifted
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE
from koyjabo.integrations.webhooks import event_queries
from koyjabo.integrations.webhooks.events import WebhookEvents
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import QueuedEmail
from koyjabo.reports.log import block_queries
from koyjabo.upkeep.alerts import traffic_queries as queries

WINDOW_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
WEEKS, FEWEST_WEEKS = 6, 2
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


def usual_of(counts: Sequence[int]) -> Usual:
    """The usual number of visits and its spread, from the counts of one or more windows."""
    middle = float(median(counts))
    return Usual(middle, float(median(abs(count - middle) for count in counts)))


def is_spike(windows: Sequence[Window]) -> bool:
    """Whether each of the last SPIKE_WINDOWS windows had far more visits than usual. `windows` are in chronological
    order.
    """
    newest = windows[-SPIKE_WINDOWS:]
    return len(newest) == SPIKE_WINDOWS and all(_is_high(*window[1:]) for window in newest)


def is_drop(windows: Sequence[Window]) -> bool:
    """Whether each of the last DROP_WINDOWS windows had far fewer visits than usual. `windows` are in chronological
    order.
    """
    newest = windows[-DROP_WINDOWS:]
    return len(newest) == DROP_WINDOWS and all(_is_low(*window[1:]) for window in newest)


def _is_high(visits: int, usual: Usual) -> bool:
    far = usual.median + SPIKE_DEVIATIONS * usual.mad
    return visits >= MIN_VISITS and visits >= SPIKE_TIMES * usual.median and visits > far


def _is_low(visits: int, usual: Usual) -> bool:
    return usual.median >= MIN_VISITS and visits <= DROP_SHARE * usual.median


def same_hours(clock: Clock, at_ms: int, weeks: int = WEEKS) -> list[int]:
    """When the same hour of the same local weekday started in each of the `weeks` before `at_ms`, ms."""
    day, hour = _local(clock, at_ms // 1000)
    days = [shifted(day, -7 * week) for week in range(1, weeks + 1)]
    return [1000 * began_s for day in days for began_s in clock.hours(day, day) if _local(clock, began_s)[1] == hour]


def has_enough(clock: Clock, at_ms: int, first_ms: int) -> bool:
    """Whether visits since `first_ms` are enough to know what is usual. They must include the whole day FEWEST_WEEKS
    weeks ago.
    """
    day = date.fromisoformat(shifted(_local(clock, at_ms // 1000)[0], -7 * FEWEST_WEEKS))
    return first_ms <= 1000 * clock.began_s(day.isoformat())


def usual_at(counts: Mapping[int, int], hours: Sequence[int]) -> Usual:
    """The usual number of visits per window in the hours that start at `hours` (ms). `counts` maps the start of each
    window to its visits, without empty windows.
    """
    return usual_of([counts.get(window, 0) for hour in hours for window in range(hour, hour + HOUR_MS, WINDOW_MS)])


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

    `is_ready` returns whether this worker can serve visitors. A drop only counts if the worker was ready the whole
    time.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        outbox: MailOutbox,
        events: WebhookEvents,
        is_ready: Callable[[], bool],
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._events = events
        self._is_ready = is_ready
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
        if not self._is_ready():
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
        elif is_drop(windows) and self._was_ready(len(windows) * WINDOW_MS):
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
        """The usual numbers for an hour; None if less than two weeks of visits are stored."""
        first_ms = self._first_ms()
        if first_ms is None or not has_enough(self._clock, hour_ms, first_ms):
            return None
        hours = [start for start in same_hours(self._clock, hour_ms) if start >= first_ms]
        counts = self._read([(start, start + HOUR_MS) for start in hours])
        return usual_at(counts, hours) if hours else None

    def _first_ms(self) -> int | None:
        """Start of the period whose visits are all still stored individually, ms; None if there are no visits."""
        first_s, log = self._database.read(queries.first_hour_s), self._database.read(block_queries.read_state)
        if first_s is None:
            return None
        return 1000 * max(first_s, self._clock.began_s(log.folded_before) if log.folded_before else 0)

    def _read(self, spans: Sequence[tuple[int, int]]) -> Mapping[int, int]:
        return self._database.background_read(queries.visits_by_window, spans, WINDOW_MS)

    def _was_ready(self, for_ms: int) -> bool:
        since_ms = self._ready_since_ms
        return since_ms is not None and self._clock.elapsed_ms() - since_ms >= for_ms

    def _send(self, type: str, windows: Sequence[Window]) -> None:
        emails = self._emails(type, windows) if self._outbox.is_on else []
        self._database.write(_store, type, windows[-1].began_ms + WINDOW_MS, _data(windows), emails)

    def _emails(self, type: str, windows: Sequence[Window]) -> list[QueuedEmail]:
        ended_ms = windows[-1].began_ms + WINDOW_MS
        data: dict[str, Any] = {"first_ms": windows[0].began_ms, "last_ms": ended_ms}
        data |= {"visits": sum(window.visits for window in windows), "usual": round(_usual(windows))}
        emails = [
            self._outbox.email(MAIL, to.email, to.language, f"{type} {ended_ms} {to.id}", **data)
            for to in self._database.read(queries.recipients)
        ]
        return [queued_email for queued_email in emails if queued_email is not None]


def _usual(windows: Sequence[Window]) -> float:
    return sum(window.usual.median for window in windows)


def _data(windows: Sequence[Window]) -> dict[str, Any]:
    """The event's data. `visits` and `usual` are sums over all windows."""
    return {
        "from": iso(windows[0].began_ms),
        "to": iso(windows[-1].began_ms + WINDOW_MS),
        "visits": sum(window.visits for window in windows),
        "usual": _usual(windows),
        "windows": [
            {"from": iso(window.began_ms), "visits": window.visits, **window.usual._asdict()} for window in windows
        ],
    }


def _store(session: Any, type: str, ended_ms: int, data: Mapping[str, Any], emails: Sequence[QueuedEmail]) -> bool:
    """Store the event and its emails. Returns False if there was an event of the same type within REST_MS."""
    if queries.was_sent(session, type, SITE, ended_ms - REST_MS):
        return False
    event_queries.record(session, type, f"{type}:{ended_ms}", SITE, ended_ms, data)
    for queued_email in emails:
        queued_email.store(session)
    return True
