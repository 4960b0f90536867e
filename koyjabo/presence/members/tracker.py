"""The tracker: online members for Python programs that use neither sockets nor services (specification: Presence from a
program).
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from koyjabo.base.core.clock import iso
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.models import Scope
from koyjabo.base.network.location_names import division_of
from .online_members import OnlineMember, OnlineMembers
from .peaks import Peaks

HOLD_ID = "tracker"
"""Connection id for people added here. Each worker has one per person, in addition to the person's sockets."""

PATIENCE_S = 0.3

Id = str | UUID

_bound: "TrackerServices | None" = None


@dataclass(frozen=True, slots=True)
class TrackerServices:
    """The parts of an application that the tracker needs."""

    members: OnlineMembers
    peaks: Peaks
    listed: Callable[[Scope], list[OnlineMember]]
    """Returns the people online who do not appear offline."""

    today: Callable[[Scope], Mapping[str, int]]
    start: Callable[[], None]
    """Starts renewing leases in a process that does not serve requests. Idempotent."""

    communities: Callable[[], Collection[Scope]]
    places: Callable[[Collection[str]], Mapping[str, str]]
    """Returns the locations that users have logged in from, by user id. Unknown ones are left out."""

    now_ms: Callable[[], int]


class CommunityVisitorTracker:
    """Tracks who is online in a community. A person counts once, however often they are added and however many sockets
    they have open. Connected clients receive every change.

    Ids must be UUIDs; anything else raises ValueError. Counts come from Redis, or from this process if Redis does not
    respond within 0.3 s. Uses the most recently created application in this process. Raises RuntimeError if there is
    none.
    """

    def add_visitor(self, user_id: Id, community_id: Id) -> int:
        """Count a person as online until `remove_visitor` is called or this process ends.

        Returns how many people are online.
        """
        person, scope = _person(user_id), _scope(community_id)
        _services().start()
        _services().members.connect(scope, person, HOLD_ID)
        return self._count(scope, person)

    def remove_visitor(self, user_id: Id, community_id: Id) -> int:
        """Remove a person added here. They stay online as long as they have an open socket. Returns how many people are
        online.
        """
        person, scope = _person(user_id), _scope(community_id)
        _services().members.disconnect(scope, person, HOLD_ID)
        return self._count(scope, person)

    def get_visitor_count(self, community_id: Id) -> int:
        return self._count(_scope(community_id))

    get_realtime_count = get_visitor_count

    def get_visitor_list(self, community_id: Id) -> list[dict[str, Any]]:
        """Return up to 1,000 people online who do not appear offline, in order of arrival. `tabs` is 0 during the grace
        period after a lost connection. Raises LedgerUnavailable.
        """
        people = _services().listed(_scope(community_id))
        return [{"user_id": here.person, "since": iso(here.since_ms), "tabs": here.connections} for here in people]

    def get_peak_counts(self, community_id: Id) -> Mapping[str, int]:
        """Return the highest numbers of people online at once: `day`, `week` and `month`. Raises LedgerUnavailable."""
        return _services().peaks.get(_scope(community_id))

    def get_today_visitors(self, community_id: Id) -> Mapping[str, int]:
        """Return `authenticated_visitors`, `anonymous_visitors` and `total_unique_visitors`. Raises
        LedgerUnavailable.
        """
        return _services().today(_scope(community_id))

    # Methods for compatibility with Citinfos. Everyone online has an account.

    def get_authenticated_visitor_count(self, community_id: Id) -> int:
        return self.get_visitor_count(community_id)

    def get_anonymous_visitor_count(self, community_id: Id) -> int:
        """Return 0, because only users can be online."""
        _scope(community_id)
        return 0

    def get_visitor_stats(self, community_id: Id) -> dict[str, int | float]:
        count = self.get_visitor_count(community_id)
        counts = {"total_visitors": count, "authenticated_visitors": count, "anonymous_visitors": 0}
        return {**counts, "authenticated_percentage": 100.0 if count else 0.0, "anonymous_percentage": 0.0}

    def is_user_visiting(self, user_id: Id, community_id: Id) -> bool:
        return bool(_services().members.online_in(_person(user_id), [_scope(community_id)]))

    def get_user_visiting_communities(self, user_id: Id) -> set[str]:
        """The ids of the communities where a user is online. Raises LedgerUnavailable."""
        person = _person(user_id)
        return {str(scope) for scope in _services().members.online_in(person, _services().communities())}

    def update_visitor_activity(self, user_id: Id, community_id: Id, increment_pages: bool = True) -> dict[str, Any]:
        """Do nothing, because users do not have to report activity. Returns an `error` for a user who is not online."""
        if not self.is_user_visiting(user_id, community_id):
            return {"error": "This user is not online in the community: call add_visitor first."}
        return {"user_id": _person(user_id), "is_authenticated": True, "last_activity": iso(_services().now_ms())}

    def get_division_breakdown(self, community_id: Id) -> dict[str, int]:
        """Count the first 1,000 people online by the division of Bangladesh that they logged in from. Unknown locations
        are left out. Raises LedgerUnavailable.
        """
        people = _services().members.people(_scope(community_id))
        places = _services().places([here.person for here in people]).values()
        return dict(Counter(division for place in places if (division := division_of(place))).most_common())

    def get_cross_division_stats(self, community_id: Id) -> dict[str, Any]:
        """Return zero visits between divisions, because communities do not belong to divisions."""
        count = self.get_visitor_count(community_id)
        none = {"cross_division_visits": 0, "cross_division_percentage": 0.0}
        return {"total_visitors": count, **none, "breakdown": []}

    def cleanup_stale_visitors(self, community_id: Id) -> int:
        """Do nothing and return 0, because leases expire by themselves."""
        _scope(community_id)
        return 0

    def update_community_analytics(self, community_id: Id) -> bool:
        """Do nothing and return True, because each visit's transaction updates the sums."""
        _scope(community_id)
        return True

    def _count(self, scope: Scope, person: str = "") -> int:
        members = _services().members
        members.wait_until_counted(scope, person, PATIENCE_S)
        return members.online(scope).count


visitor_tracker = CommunityVisitorTracker()


def bind(services: TrackerServices) -> None:
    """Make the tracker use this application from now on."""
    global _bound
    _bound = services


def _services() -> TrackerServices:
    if _bound is None:
        raise RuntimeError("The tracker has no application yet: call koyjabo.create_app() first.")
    return _bound


def _scope(community_id: Id) -> Scope:
    return Scope(_uuid("community_id", community_id))


def _person(user_id: Id) -> str:
    return _uuid("user_id", user_id)


def _uuid(name: str, value: Id) -> str:
    """Return a UUID in the text form that is stored. Raises ValueError."""
    parsed = uuid_of(str(value))
    if parsed is None:
        raise ValueError(f"{name} must be a UUID, not {str(value)[:100]!r}")
    return parsed
