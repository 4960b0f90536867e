"""Pushes the numbers of the views that are open on this worker. A view is computed once for all its pages, at most
ten times a second.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from koyjabo.base.core.errors import InvalidInput, KoyJaboError, TooBusy
from koyjabo.base.core.services import Services
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.visits import Visits
from koyjabo.realtime.events import ViewUpdate, view_room
from koyjabo.realtime.room import RoomEvent, RoomSource, changes
from koyjabo.realtime.services import RealtimeServices
from .numbers import Numbers, numbers
from .report_context import SITE_OVERVIEW, ReportContext, of_community
from .view_plan import ViewPlan
from .view_results import ViewResults

STILL_MS = 10_000
"""Interval between updates while there are no visits, ms, because some numbers change with the clock. Also the interval
for views of past days, which are not updated on visits.
"""

MAX_VIEWS = 50
"""Maximum number of different views that a worker pushes for a public page, for a community, and for one user's
communities. A view takes about 80 KB of memory. Pages beyond the limit poll their HTML.
"""

MAX_VIEWS_OF_OTHERS = 200
"""The same for all public pages and communities together, because each open view is checked at every visit."""

Message = Mapping[str, Any]
Opening = tuple[str, Callable[[], RoomSource]]
"""A view's room, and the function that opens the view. The function raises TooBusy."""


class LiveView:
    """A view that pages on this worker show. Only `events_after` waits."""

    interval_s = 0.1
    caused_by_visits = False
    is_relative = False

    def __init__(
        self,
        services: Services,
        plan: ViewPlan,
        check: Callable[[], object],
        name: str,
    ) -> None:
        rooms = services[RealtimeServices].rooms

        def is_open() -> bool:
            room = rooms.find(name)
            return room is not None and room.source is self

        self._insights = plan.insights.for_reader(plan.base.reader, is_live=True, is_wanted=is_open)
        self._services, self._site, self._clock = services, services[Visits].site, services.clock
        self._key, self.base, self._pairs, self._check = plan.key, plan.base, plan.pairs, check
        self._sent, self._moment, self._upto, self._at = Numbers({}, {}), 0, 0, ""
        self._read_at: tuple[int, int, int] | None = None  # epoch, visits, ms
        self._is_over = False  # whether all days of the view are in the past
        self._revision = self._clock.now_ms()

    def first_event(self) -> RoomEvent:
        return self._event(self._sent, is_whole=True)

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        """Return no events while reports cannot be computed. The page shows the time its figures were computed."""
        snapshot, now_ms = self._site.snapshot, self._clock.now_ms()
        at = snapshot.epoch, snapshot.visits, now_ms
        epoch, visits, read_ms = self._read_at or (None, 0, 0)
        is_same = epoch == snapshot.epoch and (self._is_over or visits == snapshot.visits)
        if is_same and 0 <= now_ms - read_ms < STILL_MS:
            return []
        before, upto = self._sent, self._upto
        try:
            self._check()
            self._read()
        except KoyJaboError:
            return []
        self._read_at, current = at, self._sent
        changed = Numbers(changes(before.cells, current.cells), changes(before.versions, current.versions))
        self._revision = max(self._revision + 1, after + 1, now_ms)
        return [self._event(changed)] if any(changed) or self._upto != upto else []

    def merge(self, state: Any) -> None:
        """Do nothing, because workers do not publish the state of this room."""

    def _read(self) -> None:
        plan = ViewPlan(self._services, self.base, self._pairs)
        results = ViewResults(plan, self._insights)
        self._sent, self._moment, self._upto = numbers(results), results.moment, results.upto or 0
        self._at = self._clock.local(results.totals.at_ms // 1000)[11:19]
        self._is_over = plan.query.last < plan.today

    def _event(self, shown: Numbers, is_whole: bool = False) -> ViewUpdate:
        return ViewUpdate(self._key, self._moment, self._at, shown.cells, shown.versions, self._revision, is_whole)


class LiveViews:
    """Opens views for sockets. Callers check permissions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def view(self, scope: Scope, user_id: str, message: Message) -> Opening:
        """Open a user's view in the panel, or of a community's reports. Raises InvalidInput, LedgerUnavailable."""
        base = SITE_OVERVIEW._replace(reader=user_id) if scope == SITE else of_community(scope, user_id)
        return self.view_at(base, message, lambda: None)

    def view_at(self, base: ReportContext, message: Message, check: Callable[[], object]) -> Opening:
        """Open a view. `check` is called before each report, and raises a KoyJaboError once readers may no longer read
        it.
        """
        plan = ViewPlan(self._services, base, pairs_of(message))
        name = view_room(plan.view, base.is_public)

        def open_view() -> LiveView:
            self._require_space(base)
            return LiveView(self._services, plan, check, name)

        return name, open_view

    def _require_space(self, base: ReportContext) -> None:
        """Raise TooBusy if too many views are open."""
        if base.name != SITE_OVERVIEW.name:
            views = self._services[RealtimeServices].rooms.with_source(LiveView)
            others = [view.base for _, view in views if view.base.name != SITE_OVERVIEW.name]
            of_one = sum((other.name, other.scope) == (base.name, base.scope) for other in others)
            of_reader = sum(other.reader == base.reader for other in others)
            if max(of_one, of_reader) >= MAX_VIEWS or len(others) >= MAX_VIEWS_OF_OTHERS:
                raise TooBusy


def pairs_of(message: Message) -> list[tuple[str, str]]:
    """Parse the parameters. Raises InvalidInput."""
    query = message.get("query")
    if not isinstance(query, str):
        raise InvalidInput
    return parse_qsl(query.removeprefix("?"), keep_blank_values=True)
