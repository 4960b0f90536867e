"""The services that this package offers to others."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.base import Base
from koyjabo.mail.outbox import MailOutbox
from koyjabo.observability.services import ObservabilityServices
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import Destinations
from koyjabo.presence.services import PresenceServices
from koyjabo.webhooks.events import WebhookEvents
from koyjabo.webhooks.member_events import MemberEvents
from koyjabo.webhooks.security import UrlRules, WebhookSealer
from koyjabo.webhooks.sender import Sender
from koyjabo.webhooks.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class WebhookServices:
    events: WebhookEvents
    member_events: MemberEvents
    webhooks: Webhooks
    sender: Sender
    sealer: WebhookSealer


def build(base: Base) -> WebhookServices:
    """Build the services, and listen for people coming online and leaving."""
    settings, own, services = base.settings, (base.database, base.clock, base.runtime), base.services
    events, sealer = WebhookEvents(*own), WebhookSealer(base.database, settings.secret_key)
    members = MemberEvents(*own, services[PresenceServices], base.cluster.workers, events)
    allowed = Destinations(settings.webhook_networks)
    urls = UrlRules(HttpClient(base.runtime), allowed, settings.environment == "development")
    mails, metrics = services[MailOutbox], services[ObservabilityServices].metrics
    return WebhookServices(
        events,
        members,
        Webhooks(own, sealer, urls, events),
        Sender(own, urls, sealer, mails, metrics, settings.public_url),
        sealer,
    )
