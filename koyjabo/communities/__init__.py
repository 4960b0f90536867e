"""Communities have members with roles and permissions, and rooms that show who is online. Begin with
`communities.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("ui", "api.community_calls", "api.by_ref", "pages", "admin")
UPKEEP = ("upkeep_queries:CommunityRules",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "communities:COMMUNITY_ACTIONS",
}


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.base.core.i18n import N_
    from koyjabo.base.observability.all_metrics import COMMUNITY_CONNECTIONS_GAUGE
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from koyjabo.web.panel.navigation import Navigation, PanelPage, Shortcut
    from .communities import LISTED_POLL_S
    from .live.messages import DISCONNECT_SUBJECT, MESSAGES_SUBJECT
    from .live.revocation import ACCESS_REVOKED
    from .refs import REFS_REFRESH_S
    from .services import build

    communities, signals = base.services.add(build(base)), base.signals
    refs, updates, revocation = communities.refs, communities.room_updates, communities.revocation
    base.services[ObservabilityServices].gauges.provide(COMMUNITY_CONNECTIONS_GAUGE, communities.participants.counts)
    base.on(signals.online_changed, updates.count_changed)
    base.on(signals.room_heard, updates.catch_up)
    base.on(signals.access_revoked, refs.forget, revocation.publish, communities.people_rooms.recheck_soon)
    base.on(signals.message_received, communities.receive_revocation, of=ACCESS_REVOKED)
    base.on(signals.message_received, communities.messages.receive, of=MESSAGES_SUBJECT)
    base.on(signals.message_received, communities.messages.receive_end, of=DISCONNECT_SUBJECT)
    base.on(signals.epoch_began, lambda _: communities.forget_database())
    base.every(TICK_S, communities.people.tick, updates.tick)
    base.every(TICK_S, revocation.recheck_if_revoked)
    base.every(TICK_S, communities.people_rooms.recheck)
    base.every(REFS_REFRESH_S, refs.refresh)
    communities.directory.refresh_listed()
    base.every(LISTED_POLL_S, communities.directory.refresh_listed)
    navigation = base.services[Navigation]
    page = PanelPage("panel_communities.communities", N_("Communities"), "users", rank=3)
    navigation.add(page)
    navigation.add_shortcuts(
        page.endpoint, Shortcut(N_("New community"), "panel_communities.new_community", for_admins=True)
    )
