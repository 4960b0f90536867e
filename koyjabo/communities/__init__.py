"""Communities have members with roles and permissions, and rooms that show who is online. Begin with
`communities.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("ui", "api", "pages", "admin")


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.base.models import SITE
    from koyjabo.base.observability.metrics import COMMUNITIES
    from koyjabo.base.observability.services import ObservabilityServices
    from .live.messages import ENDED, MESSAGES
    from .live.participant import ACCESS_REVOKED
    from .refs import REFRESH_S
    from .services import build

    communities, signals = base.services.add(build(base)), base.signals
    refs, updates, revocation = communities.refs, communities.room_updates, communities.revocation
    base.services[ObservabilityServices].gauges.provide(COMMUNITIES, communities.participants.counts)
    base.on(signals.active_changed, lambda _: updates.site_changed(), of=SITE)
    base.on(signals.online_changed, updates.count_changed)
    base.on(signals.room_heard, updates.catch_up)
    base.on(signals.access_revoked, refs.forget, revocation.publish)
    base.on(signals.message_received, communities.receive_revocation, of=ACCESS_REVOKED)
    base.on(signals.message_received, communities.messages.receive, of=MESSAGES)
    base.on(signals.message_received, communities.messages.receive_end, of=ENDED)
    base.on(signals.epoch_began, lambda _: communities.forget_database())
    base.every(TICK_S, communities.people.tick, updates.tick)
    base.every(TICK_S, revocation.recheck_if_revoked)
    base.every(REFRESH_S, refs.refresh)
