"""Pushes the numbers of the views that are open on this worker (decision 102): each different view is answered once,
at most ten times a second, and all of them in a quarter of the thread's time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from koyjabo.cluster.base import Base
from koyjabo.communities.services import CommunityServices
from koyjabo.core.errors import InvalidInput, KoyJaboError
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.models import SITE, Scope
from koyjabo.realtime.events import ViewUpdate, view_room
from koyjabo.realtime.room import RoomEvent, RoomSource
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui import numbers
from koyjabo.reports.ui.asked import AskedView
from koyjabo.reports.ui.base import INSIGHTS, OVERVIEW, Placement, of_community
from koyjabo.reports.ui.numbers import Numbers

STILL_MS = 10_000
"""Without a visit a view is answered again after this time, for what moves with the clock, and for page views."""

PAGES = {page.name: page for page in (OVERVIEW, INSIGHTS)}


class LiveView:
    """What one view shows, while pages of this worker show it. Only `events_after` waits."""

    interval_s = 0.1
    tells_visits = False
    is_relative = False

    def __init__(self, services: Services, key: str, base: Placement, pairs: Sequence[tuple[str, str]]) -> None:
        reports = services[ReportServices]
        self._insights: Insights = reports.open_shares if base.is_shared else reports.open_pages
        self._site, self._clock = services[CountingServices].visits.site, services.clock
        self._key, self._base, self._pairs = key, base, pairs
        self._sent, self._moment, self._at_ms = Numbers({}, {}), 0, 0
        self._read_at: tuple[int, int, int] | None = None  # epoch, visits, ms
        self._revision = self._clock.now_ms()

    def first_event(self) -> RoomEvent:
        return self._event(self._sent, is_whole=True)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        """Nothing while reports cannot be answered: the page says of which moment its figures are."""
        snapshot, now_ms = self._site.snapshot, self._clock.now_ms()
        at = snapshot.epoch, snapshot.visits, now_ms
        if self._read_at and self._read_at[:2] == at[:2] and 0 <= now_ms - self._read_at[2] < STILL_MS:
            return []
        try:
            found = self._read()
        except KoyJaboError:
            return []
        self._read_at, before = at, self._sent
        changed = Numbers(_changed(before.cells, found.cells), _changed(before.versions, found.versions))
        self._sent = found
        self._revision = max(self._revision + 1, after + 1, now_ms)
        return [self._event(changed)] if any(changed) else []

    def merge(self, state: Any) -> None:
        """Does nothing: workers publish no state of this room."""

    def _read(self) -> Numbers:
        asked = AskedView(self._base, self._pairs, self._insights, self._clock.today())
        requests = list(dict.fromkeys(asked.requests(lambda part: True)))
        answers = dict(zip(requests, self._insights.read(requests, None), strict=True))
        totals = answers[asked.totals_request]
        self._moment, self._at_ms = asked.moment(totals), totals.at_ms
        return numbers.numbers(asked, answers, lambda part: True)

    def _event(self, shown: Numbers, is_whole: bool = False) -> ViewUpdate:
        at = self._clock.local(self._at_ms // 1000)[11:19]
        return ViewUpdate(self._key, self._moment, at, shown.cells, shown.versions, self._revision, is_whole)


def build(base: Base) -> None:
    """Lets the sockets of the panel and of dashboards follow views."""
    base.services[CommunityServices].rooms.view = partial(view, base.services)


def view(services: Services, scope: Scope, message: Mapping[str, Any]) -> tuple[str, Callable[[], RoomSource]]:
    """The room of the view that a page names, and what opens it. Raises InvalidInput, LedgerUnavailable."""
    page, query = message.get("page"), message.get("query")
    base = PAGES.get(str(page)) if scope == SITE else of_community(scope)
    if base is None or not isinstance(query, str):
        raise InvalidInput
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    asked = AskedView(base, pairs, services[ReportServices].reports, services.clock.today())
    return view_room(asked.view), partial(LiveView, services, asked.key, base, pairs)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in now.items() if key not in before or before[key] != value}
