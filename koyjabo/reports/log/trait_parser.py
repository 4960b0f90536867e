"""Parses a visit's row into the values that reports break visits down by (specification: Reports). Does no I/O: the
same row always gives the same values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from koyjabo.network import languages, place_names, user_agents
from koyjabo.network.campaigns import Campaign
from koyjabo.reports.log.sources import Sources
from koyjabo.reports.query.dimensions import BOT, CAMPAIGN

CACHE_SIZE = 4096

RULES = 2
"""The version of the parsing rules. If it changes, all visits are read again."""


class VisitRow(NamedTuple):
    """Columns of `visits`."""

    user_agent: str | None
    referrer: str | None
    page: str | None
    place: str
    language: str | None
    campaign: str | None
    is_bot: bool


class ParsedTraits(NamedTuple):
    """The parsed values of a visit: the fields of `dimensions.TRAITS`, in that order. None if not recorded."""

    browser: str | None
    system: str | None
    device: str | None
    language: str | None
    source: str | None
    channel: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    country: str | None
    city: str | None


class TraitParser:
    """Parses rows. Pages on `own_hosts` (PUBLIC_URL, ALLOWED_ORIGINS) are not sources. The first call loads the rules
    for user agents (`network.user_agents`).
    """

    def __init__(self, own_hosts: Iterable[str] = ()) -> None:
        hosts = sorted(own_hosts)
        self._sources = Sources(hosts)
        self.rules = crc32(json.dumps([RULES, hosts]).encode()) >> 1
        """A 31-bit hash that changes if the parser may read visits differently."""

    def parse(self, row: VisitRow) -> ParsedTraits:
        agent, source = user_agents.parsed(row.user_agent or ""), self._sources.of(row.referrer)
        campaign = _campaign(row.campaign)
        return ParsedTraits(
            agent.name or None,
            agent.system or None,
            BOT if row.is_bot else agent.device or None,
            languages.first_of(row.language),
            source.domain,
            CAMPAIGN if row.campaign else source.channel,
            *campaign,
            *_place(row.place),
        )


@lru_cache(maxsize=CACHE_SIZE)
def _campaign(text: str | None) -> Campaign:
    return Campaign.read(text)


@lru_cache(maxsize=CACHE_SIZE)
def _place(place: str) -> tuple[str | None, str | None]:
    """Return the country code and the city."""
    code = place_names.country_of(place)
    return code, place if code and place not in place_names.CODES else None
