"""The event map of the system: the handlers of each signal."""

from __future__ import annotations

from koyjabo.application.backends import Backends
from koyjabo.application.reactions import FORGOTTEN, Reactions
from koyjabo.application.services import Services
from koyjabo.application.signals import Signals
from koyjabo.communities.live.revocation import ACCESS_REVOKED
from koyjabo.models import SITE
from koyjabo.realtime.events import STATS_ROOM


def subscribe(signals: Signals, services: Services, backends: Backends) -> None:
    reactions, communities = Reactions(services, backends), services.communities

    signals.active_changed.connect(reactions.publish_site_stats, SITE, weak=False)

    signals.online_changed.connect(reactions.record_peak, weak=False)
    signals.online_changed.connect(reactions.record_arrivals, weak=False)
    signals.online_changed.connect(communities.rooms.count_changed, weak=False)

    signals.access_revoked.connect(communities.revocation.publish, weak=False)
    signals.access_revoked.connect(services.visit_log.live_panel.user_changed, weak=False)

    signals.visitor_forgotten.connect(reactions.forget, weak=False)
    signals.visitor_forgotten.connect(reactions.publish_forgotten, weak=False)

    signals.visitor_converted.connect(reactions.announce_conversion, weak=False)

    signals.value_received.connect(reactions.receive_revocation, ACCESS_REVOKED, weak=False)
    signals.value_received.connect(reactions.receive_forgotten, FORGOTTEN, weak=False)
    signals.value_received.connect(reactions.receive_arrivals, weak=False)
    signals.value_received.connect(reactions.receive_site_stats, STATS_ROOM, weak=False)
    signals.value_received.connect(services.realtime.rooms.receive, weak=False)
