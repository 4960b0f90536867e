"""Parses a visit's row into the values that reports break visits down by (specification: Reports). Does no I/O: the
same row always gives the same values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

from publicsuffixlist import PublicSuffixList

from koyjabo.network import languages, place_names, user_agents
from koyjabo.network.campaigns import Campaign
from koyjabo.reports.query.dimensions import AI, BOT, CAMPAIGN, DIRECT, REFERRAL, SEARCH, SOCIAL

DATA = Path(__file__).parent / "data"
LISTS = (DATA / "sources.json", DATA / "more_sources.json")
"""Hosts by channel and source: Ghost's list (`tools/assets/sources.mjs`), and additions, which take precedence."""

APPS = ("android-app", "ios-app")
"""Schemes of referrers whose host is an app's id."""

ADDRESS = re.compile(r"[0-9.]+|[^:]*:.*")
"""An IP address, which has no domain."""

LONGEST_LABELS = 20
"""Maximum number of labels in a host. Longer hosts are cut to their last labels."""

CACHE_SIZE = 4096


class Source(NamedTuple):
    domain: str | None  # None: direct
    channel: str


NOWHERE = Source(None, DIRECT)


class Sources:
    """Names the site, search engine, social network, AI assistant or app that a referrer belongs to. Pages on
    `own_hosts` (this site) are not sources. The data is read on the first look-up.
    """

    def __init__(self, own_hosts: Iterable[str] = ()) -> None:
        self._own_hosts = frozenset(host.lower().removeprefix("www.") for host in own_hosts)
        self._of_host = lru_cache(maxsize=CACHE_SIZE)(self._find)

    def of(self, referrer: str | None) -> Source:
        """Return the source of a referrer: a URL, or a host with or without a path."""
        return self._of_host(*_scheme_and_host(referrer)) if referrer else NOWHERE

    def _find(self, scheme: str, host: str) -> Source:
        if not host or host in self._own_hosts:
            return NOWHERE
        labels = host.split(".")[-LONGEST_LABELS:]
        for at in range(len(labels)):  # the host, then the domains above it
            if known := _known().get(".".join(labels[at:])):
                return known
        is_domain = scheme not in APPS and not ADDRESS.fullmatch(host)
        return Source(_suffixes().privatesuffix(host) or host if is_domain else host, REFERRAL)


@cache
def _known() -> dict[str, Source]:
    return {host: source for path in LISTS for host, source in _entries(json.loads(path.read_text("utf-8")))}


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # reads 10,000 lines


def _entries(lists: dict[str, Any]) -> Iterable[tuple[str, Source]]:
    for channel in (SEARCH, SOCIAL, AI):
        for domain, hosts in lists.get(channel, {}).items():
            yield from ((host, Source(domain, channel)) for host in hosts)
    yield from ((host, Source(host, REFERRAL)) for host in lists[REFERRAL])


@lru_cache(maxsize=CACHE_SIZE)
def _scheme_and_host(address: str) -> tuple[str, str]:
    """Return both in lower case, the host without `www.` and port, or ("", "") if the address is invalid."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", ""
    return parts.scheme, host.removeprefix("www.")


RULES = 3
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
