"""The services that this package offers to others."""

from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.base.outbound.client import HttpClient
from koyjabo.base.outbound.messages import Destinations
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.services import PresenceServices
from .events import MemberEvents, WebhookEvents
from .sender import Sender, UrlRules, WebhookSealer
from .webhooks import Webhooks


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
        Sender(own, urls, sealer, mails, metrics, settings),
        sealer,
    )
