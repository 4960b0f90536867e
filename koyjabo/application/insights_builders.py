"""Builds the services of reports on visits and events."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from koyjabo.application.base import Base
from koyjabo.application.services import InsightsServices, PresenceServices
from koyjabo.insights.annotations import Annotations
from koyjabo.insights.conversions import Conversions
from koyjabo.insights.events.ledger import Events, open_store
from koyjabo.insights.insights import Insights
from koyjabo.insights.projection.projection import Projection
from koyjabo.insights.readers import AnswerReader
from koyjabo.insights.site_people import SitePeople
from koyjabo.insights.traits.parser import TraitParser
from koyjabo.models import SITE, Scope


def trait_parser(base: Base) -> TraitParser:
    """Hosts of our own pages are no sources."""
    hosts = (urlsplit(each).hostname for each in (base.settings.public_url, *base.settings.origins))
    return TraitParser(filter(None, hosts))


def insights(base: Base, parser: TraitParser, presence: PresenceServices) -> InsightsServices:
    settings, database, clock = base.settings, base.database, base.clock
    reader = AnswerReader(database, clock, parser)

    def unwritten_peaks(scope: Scope) -> Mapping[str, int]:
        return (presence.active_peak if scope == SITE else presence.peaks).unwritten(scope)

    reports = Insights(database, clock, reader, unwritten_peaks)
    return InsightsServices(
        reports=reports,
        shared_reports=Insights(database, clock, reader.in_turns(), unwritten_peaks),
        events=Events(open_store(settings.database, clock), base.runtime, settings.bot_policy == "ignore", base.space),
        annotations=Annotations(database, clock),
        conversions=Conversions(database),
        site_people=SitePeople(database, clock, reports),
        projection=Projection(database, clock, base.runtime, parser),
    )
