"""The tracker with the arguments and results of Citinfos, where `koyjabo.presence.visitor_tracker` has others:

from koyjabo.bridges.citinfos.tracker import visitor_tracker
"""

from __future__ import annotations

from typing import Any

from koyjabo.presence.members.tracker import CommunityVisitorTracker, Id

ANONYMOUS = "Visitors without an account are counted by POST /api/visitor/register, by their visitorId."


class CitinfosVisitorTracker(CommunityVisitorTracker):
    """See there. Divisions, fingerprints, addresses and user agents are neither used nor stored."""

    def add_visitor(  # type: ignore[override]
        self,
        user_id: Id,
        community_id: Id,
        visitor_division_id: str | None = None,
        community_division_id: str | None = None,
        is_authenticated: bool = True,
        device_fingerprint: str | None = None,
        ip_address: str | None = None,
        user_agent: str | None = None,
    ) -> dict[str, Any]:
        """`error` for a visitor without an account. It is not added."""
        if not is_authenticated:
            return {**_added(self.get_visitor_count(community_id), None, None), "error": ANONYMOUS}
        count = super().add_visitor(user_id, community_id)
        return _added(count, visitor_division_id, community_division_id)

    def get_visitor_list(self, community_id: Id) -> list[dict[str, Any]]:
        people = super().get_visitor_list(community_id)
        return [{**each, "joined_at": each["since"], "is_authenticated": True} for each in people]

    def get_peak_counts(self, community_id: Id) -> dict[str, int]:
        """`daily`, `weekly`, `monthly`: of today, of 7 days and of 30."""
        peaks = super().get_peak_counts(community_id)
        return {"daily": peaks["day"], "weekly": peaks["week"], "monthly": peaks["month"]}


def _added(count: int, own: str | None, communitys: str | None) -> dict[str, Any]:
    is_cross = bool(own and communitys and own != communitys)
    divisions = {"visitor_division": own, "community_division": communitys}
    return {"current_count": count, "is_cross_division": is_cross, **divisions}


visitor_tracker = CitinfosVisitorTracker()
