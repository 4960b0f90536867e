"""What webhooks offer to other packages."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.cluster.base import Base
from koyjabo.webhooks.events import WebhookEvents


@dataclass(frozen=True, slots=True)
class WebhookServices:
    events: WebhookEvents


def build(base: Base) -> WebhookServices:
    return WebhookServices(WebhookEvents(base.database, base.clock, base.runtime))
