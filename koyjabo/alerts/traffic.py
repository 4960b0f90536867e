"""Tells of unusual traffic: as an event for webhooks and by mail, once in REST_MS each way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from statistics import median
from typing import Any, NamedTuple

from koyjabo.alerts import traffic_queries as queries
from koyjabo.core.clock import MINUTE_MS, Clock, iso, shifted
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Letter
from koyjabo.models import SITE
from koyjabo.reports.log import state_queries
from koyjabo.webhooks import event_queries
from koyjabo.webhooks.events import WebhookEvents

WINDOW_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
WEEKS, FEWEST_WEEKS = 6, 2
"""How many weeks are compared with, and how many it takes to say anything."""

SPIKE_WINDOWS, DROP_WINDOWS = 2, 6
"""Consecutive windows: ten minutes, and half an hour."""

FEWEST = 50
"""Fewer visits in a window are no spike, and where fewer are usual there is no drop."""

SPIKE_TIMES, SPIKE_DEVIATIONS, DROP_SHARE = 3, 6, 0.2


class Usual(NamedTuple):
    median: float
    mad: float  # the median absolute deviation


class Window(NamedTuple):
    began_ms: int
    visits: int
    usual: Usual


def usual_of(counts: Sequence[int]) -> Usual:
    """Of the counts of some windows, one or more."""
    middle = float(median(counts))
    return Usual(middle, float(median(abs(count - middle) for count in counts)))


def is_spike(windows: Sequence[Window]) -> bool:
    """Whether visits came in such numbers in each of the newest SPIKE_WINDOWS; `windows` are in order."""
    newest = windows[-SPIKE_WINDOWS:]
    return len(newest) == SPIKE_WINDOWS and all(_is_high(*window[1:]) for window in newest)


def is_drop(windows: Sequence[Window]) -> bool:
    """Whether far fewer visits than usual came in each of the newest DROP_WINDOWS; `windows` are in order."""
    newest = windows[-DROP_WINDOWS:]
    return len(newest) == DROP_WINDOWS and all(_is_low(*window[1:]) for window in newest)


def _is_high(visits: int, usual: Usual) -> bool:
    far = usual.median + SPIKE_DEVIATIONS * usual.mad
    return visits >= FEWEST and visits >= SPIKE_TIMES * usual.median and visits > far


def _is_low(visits: int, usual: Usual) -> bool:
    return usual.median >= FEWEST and visits <= DROP_SHARE * usual.median


def same_hours(clock: Clock, at_ms: int, weeks: int = WEEKS) -> list[int]:
    """The beginnings, ms, of the hours of the same local weekday and hour in the weeks before a moment."""
    day, hour = _local(clock, at_ms // 1000)
    days = [shifted(day, -7 * week) for week in range(1, weeks + 1)]
    return [1000 * began_s for each in days for began_s in clock.hours(each, each) if _local(clock, began_s)[1] == hour]


def has_enough(clock: Clock, at_ms: int, first_ms: int) -> bool:
    """Whether visits since `first_ms` tell what is usual at a moment: of the day FEWEST_WEEKS before, all of them."""
    day = date.fromisoformat(shifted(_local(clock, at_ms // 1000)[0], -7 * FEWEST_WEEKS))
    return first_ms <= 1000 * clock.began_s(day.isoformat())


def usual_at(counts: Mapping[int, int], hours: Sequence[int]) -> Usual:
    """What is usual in hours that began then, ms; `counts` are visits by the beginning of their window, if any came."""
    return usual_of([counts.get(window, 0) for hour in hours for window in range(hour, hour + HOUR_MS, WINDOW_MS)])


def _local(clock: Clock, at_s: int) -> tuple[str, str]:
    """The local day and hour."""
    text = clock.local(at_s)
    return text[:10], text[11:13]


SPIKE, DROP = "traffic.spike", "traffic.drop"

REST_MS = 6 * HOUR_MS

SETTLE_MS = 10_000
"""A window is looked at so long after its end: visits get their time before they are committed."""

MAIL = "traffic"


class TrafficAlerts:
    """Call `look` every few seconds, on one worker of all servers. Methods raise LedgerUnavailable.

    `is_ready` says whether this worker can serve visitors: a drop is told only if it could all the time.
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
        self._looked_ms = 0
        self._usual: dict[int, Usual] = {}  # by the beginning of the local hour, ms

    def is_wanted(self) -> bool:
        """Whether anybody wants to be told, by a webhook or by mail."""
        if any(self._events.wants(type, SITE) for type in (SPIKE, DROP)):
            return True
        return self._outbox.is_on and self._database.read(queries.is_wanted_by_mail)

    def note_readiness(self) -> None:
        """Remember since when this worker is ready."""
        if not self._is_ready():
            self._ready_since_ms = None
        elif self._ready_since_ms is None:
            self._ready_since_ms = self._clock.elapsed_ms()

    def look(self) -> None:
        """Look at the windows that have ended since the last call, and tell what is unusual."""
        ended_ms = (self._clock.now_ms() - SETTLE_MS) // WINDOW_MS * WINDOW_MS
        if ended_ms == self._looked_ms:
            return
        windows = self._windows(ended_ms)
        if is_spike(windows):
            self._tell(SPIKE, windows[-SPIKE_WINDOWS:])
        elif is_drop(windows) and self._was_ready(len(windows) * WINDOW_MS):
            self._tell(DROP, windows)
        self._looked_ms = ended_ms

    def _windows(self, ended_ms: int) -> list[Window]:
        """The last ones before a moment; none if there are too few visits of earlier weeks to compare them with."""
        began = range(ended_ms - DROP_WINDOWS * WINDOW_MS, ended_ms, WINDOW_MS)
        hours = {each: 1000 * self._clock.bucket(each).hour_s for each in began}
        missing = {hour for hour in hours.values() if hour not in self._usual}
        learned = {hour: self._learn(hour) for hour in missing}
        usual = {**self._usual, **{hour: found for hour, found in learned.items() if found is not None}}
        self._usual = {hour: usual[hour] for hour in hours.values() if hour in usual}  # the others are over
        if not all(hour in self._usual for hour in hours.values()):
            return []
        counts = self._read([(began[0], ended_ms)])
        return [Window(each, counts.get(each, 0), self._usual[hours[each]]) for each in began]

    def _learn(self, hour_ms: int) -> Usual | None:
        """What is usual in an hour; None with less than two weeks of stored visits."""
        first_ms = self._first_ms()
        if first_ms is None or not has_enough(self._clock, hour_ms, first_ms):
            return None
        hours = [each for each in same_hours(self._clock, hour_ms) if each >= first_ms]
        counts = self._read([(each, each + HOUR_MS) for each in hours])
        return usual_at(counts, hours) if hours else None

    def _first_ms(self) -> int | None:
        """From when on all visits are stored."""
        first_s, log = self._database.read(queries.first_hour_s), self._database.read(state_queries.read)
        if first_s is None:
            return None
        return 1000 * max(first_s, self._clock.began_s(log.folded_before) if log.folded_before else 0)

    def _read(self, spans: Sequence[tuple[int, int]]) -> Mapping[int, int]:
        return self._database.background_read(queries.visits_by_window, spans, WINDOW_MS)

    def _was_ready(self, for_ms: int) -> bool:
        since_ms = self._ready_since_ms
        return since_ms is not None and self._clock.elapsed_ms() - since_ms >= for_ms

    def _tell(self, type: str, windows: Sequence[Window]) -> None:
        letters = self._letters(type, windows) if self._outbox.is_on else []
        self._database.write(_store, type, windows[-1].began_ms + WINDOW_MS, _data(windows), letters)

    def _letters(self, type: str, windows: Sequence[Window]) -> list[Letter]:
        ended_ms = windows[-1].began_ms + WINDOW_MS
        data: dict[str, Any] = {"first_ms": windows[0].began_ms, "last_ms": ended_ms}
        data |= {"visits": sum(each.visits for each in windows), "usual": round(_usual(windows))}
        letters = [
            self._outbox.letter(MAIL, to.email, to.language, f"{type} {ended_ms} {to.id}", **data)
            for to in self._database.read(queries.recipients)
        ]
        return [letter for letter in letters if letter is not None]


def _usual(windows: Sequence[Window]) -> float:
    return sum(each.usual.median for each in windows)


def _data(windows: Sequence[Window]) -> dict[str, Any]:
    """`visits` and `usual` are those of all windows together."""
    return {
        "from": iso(windows[0].began_ms),
        "to": iso(windows[-1].began_ms + WINDOW_MS),
        "visits": sum(each.visits for each in windows),
        "usual": _usual(windows),
        "windows": [{"from": iso(each.began_ms), "visits": each.visits, **each.usual._asdict()} for each in windows],
    }


def _store(session: Any, type: str, ended_ms: int, data: Mapping[str, Any], letters: Sequence[Letter]) -> bool:
    """Write the event with its mails; False if one of its type was told within REST_MS."""
    if queries.was_told(session, type, SITE, ended_ms - REST_MS):
        return False
    event_queries.record(session, type, f"{type}:{ended_ms}", SITE, ended_ms, data)
    for letter in letters:
        letter.store(session)
    return True
