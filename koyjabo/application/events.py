"""Builds the ledger of page views and events."""

from __future__ import annotations

from koyjabo.application.base import Base
from koyjabo.insights.events.ledger import Events, open_store


def events(base: Base) -> Events:
    settings = base.settings
    return Events(open_store(settings.database, base.clock), base.runtime, settings.bot_policy == "ignore")
