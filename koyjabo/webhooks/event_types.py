"""The types of events that webhooks can subscribe to, with descriptions for people."""

from __future__ import annotations

from koyjabo.core.i18n import N_

TEST = "test"
"""Type of a test event. It is only sent to the tested webhook, and needs no subscription."""

EVENT_TYPES = {
    "milestone.reached": N_("A total reaches a milestone"),
    "total.set": N_("An operator sets the total"),
    "traffic.spike": N_("Far more visits than usual"),
    "traffic.drop": N_("Far fewer visits than usual"),
    "conversion.made": N_("A visitor of a community becomes a user"),
    "community.occupied": N_("The first person comes online in an empty community"),
    "community.vacated": N_("The last person has left a community"),
    "member.joined": N_("A member comes online in a community"),
    "member.left": N_("A member is no longer online in a community"),
    "health.changed": N_("A Health check changes"),
    "recount.failed": N_("A recount finds a difference"),
    "ledger.rolled_back": N_("The database was rolled back"),
    "backup.verified": N_("A backup is verified"),
    "backup.failed": N_("A backup fails"),
}
"""All types with their descriptions, in the order used by the panel."""

OF_COMMUNITIES = (
    "milestone.reached",
    "conversion.made",
    "community.occupied",
    "community.vacated",
    "member.joined",
    "member.left",
    "ledger.rolled_back",
)
"""Types that a community's webhook can receive. The other types concern the site."""


def types_for(community_id: str | None) -> tuple[str, ...]:
    """The types that this community's webhooks can subscribe to; all types for a webhook for the site."""
    return tuple(EVENT_TYPES) if community_id is None else OF_COMMUNITIES
