"""What webhooks offer to other packages."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.base import Base
from koyjabo.presence.services import PresenceServices
from koyjabo.webhooks.events import WebhookEvents
from koyjabo.webhooks.member_events import MemberEvents


@dataclass(frozen=True, slots=True)
class WebhookServices:
    events: WebhookEvents
    member_events: MemberEvents


def build(base: Base) -> WebhookServices:
    """Also listens to who comes online and leaves."""
    events, presence = WebhookEvents(base.database, base.clock, base.runtime), base.services[PresenceServices]
    members = MemberEvents(base.database, base.runtime, presence, base.cluster.workers, events)
    return WebhookServices(events, members)
