"""Names the site, search engine, social network, AI assistant or app that a visit comes from."""

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from koyjabo.base.core.urls import bare_host, shown_host, without_query
from koyjabo.base.network.campaigns import Campaign
from koyjabo.base.settings.schema import Settings
from . import source_names
from .channels import channel_of
from .dimensions import (
    AI_CHANNEL,
    CAMPAIGN_CHANNEL,
    DIRECT_CHANNEL,
    REFERRAL_CHANNEL,
    SEARCH_CHANNEL,
    SOCIAL_CHANNEL,
)

SOURCE_LISTS = (source_names.DATA_FOLDER / "sources.json", source_names.DATA_FOLDER / "more_sources.json")
"""Hosts by channel and source: Ghost's list (`tools/assets/sources.mjs`), and our exceptions, which take precedence.
`*.tumblr.com` is any host below it.
"""

APPS = ("android-app", "ios-app")
"""Schemes of referrers whose host is an app's id."""

CODE_HOSTS = ("github.com", "sourceforge.net")
"""Sites whose names other people's apps begin with, such as `com.github.ayesha.timetable`."""

IP_ADDRESS = re.compile(r"[0-9.]+|[^:]*:.*")
"""An IP address, which has no domain."""

LONGEST_LABELS = 20
"""Maximum number of labels in a host. Longer hosts are cut to their last labels."""

MAX_KEPT_SOURCES = 4096
"""Maximum number of hosts, of referrers, and of campaigns, whose sources are kept in memory."""


class Source(NamedTuple):
    domain: str | None  # None: direct
    channel: str


NO_SOURCE = Source(None, DIRECT_CHANNEL)


class Sources:
    """Pages on `own_hosts` (this site) are not sources. The data is read on the first look-up."""

    def __init__(self, own_hosts: Iterable[str] = ()) -> None:
        self.follow(own_hosts)

    def follow(self, own_hosts: Iterable[str]) -> None:
        """Change the own hosts."""
        self._own_hosts = frozenset(map(bare_host, own_hosts))
        self._of_host = lru_cache(maxsize=MAX_KEPT_SOURCES)(self._find)
        self._of_referrer = lru_cache(maxsize=MAX_KEPT_SOURCES)(
            lambda referrer: self._of_host(*_scheme_and_host(referrer))
        )
        self._named = lru_cache(maxsize=MAX_KEPT_SOURCES)(self._find_named)

    def of_visit(self, referrer: str | None, campaign: str | None) -> Source:
        """Return what the campaign's utm_source names, else the source of the referrer, with the visit's channel."""
        if not campaign:
            return self.of(referrer)
        name, medium, named = self._named(campaign)
        source = named or self.of(referrer)
        of_source = None if source == NO_SOURCE else source.channel
        channel = channel_of(medium, name, source.domain, of_source or None)
        return Source(source.domain, channel or CAMPAIGN_CHANNEL)

    def meant(self, text: str) -> frozenset[str]:
        """Return the sources that people may mean by a text: a name such as `Facebook`, a host, or any utm_source."""
        domains = (source_names.domain_of(text), self.of(text).domain, source_names.value_of(text))
        return frozenset(filter(None, domains))

    def of(self, referrer: str | None) -> Source:
        """Return the source of a referrer: a URL, or a host with or without a path."""
        return self._of_referrer(referrer) if referrer else NO_SOURCE

    def _find_named(self, campaign: str) -> tuple[str | None, str | None, Source | None]:
        """Return utm_source, utm_medium and the source that utm_source names. The channel of a name is ""."""
        parameters = Campaign.read(campaign)
        name = parameters.utm_source
        if not name or source_names.is_none(name):
            return None, parameters.utm_medium, None
        host = source_names.domain_of(name) or _host_in(name)
        source = self._of_host("", host) if host else NO_SOURCE
        if source == NO_SOURCE:
            source = Source(source_names.value_of(name), "")
        return name, parameters.utm_medium, source

    def _find(self, scheme: str, host: str) -> Source:
        if not host or host in self._own_hosts:
            return NO_SOURCE
        if scheme in APPS:
            return _source_of_app(host)
        listed, labels = _listed(), host.split(".")[-LONGEST_LABELS:]
        above = [".".join(labels[at:]) for at in range(1, len(labels))]
        for entry in (host, *(f"*.{domain}" for domain in above)):
            if entry in listed:
                return listed[entry]
        # Other parts of a search engine's site are not the search engine, and have their own names.
        is_domain = not IP_ADDRESS.fullmatch(host) and not any(domain in listed for domain in above)
        return Source(shown_host(_suffixes().privatesuffix(host) or host if is_domain else host), REFERRAL_CHANNEL)


def _source_of_app(app: str) -> Source:
    """The source of an app: the longest beginning of its id that is listed as an app or a site decides.
    `com.whatsapp.w4b` belongs to `com.whatsapp`, and `com.vk.im` to vk.com. A search engine's company has many other
    apps, so an unlisted app is the search engine only if its id says so.
    """
    listed, labels = _listed(), app.split(".")[:LONGEST_LABELS]
    for length in range(len(labels), 1, -1):
        if source := listed.get(".".join(labels[:length])):
            return source
        site = ".".join(reversed(labels[:length]))
        source = listed.get(site)
        if source and site not in CODE_HOSTS and (source.channel in (SOCIAL_CHANNEL, AI_CHANNEL) or "search" in app):
            return source
    return Source(app, REFERRAL_CHANNEL)


@cache
def _listed() -> dict[str, Source]:
    sources = {}
    for path in SOURCE_LISTS:
        lists = json.loads(path.read_text("utf-8"))
        for channel in (SEARCH_CHANNEL, SOCIAL_CHANNEL, AI_CHANNEL):
            for domain, hosts in lists.get(channel, {}).items():
                sources.update(dict.fromkeys(hosts, Source(domain, channel)))
        sources.update({host: Source(host, REFERRAL_CHANNEL) for host in lists.get(REFERRAL_CHANNEL, ())})
    return sources


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # reads 10,000 lines


def _host_in(name: str) -> str | None:
    """The host that a utm_source names, such as `www.pythonweekly.com`; None for any other text with a dot."""
    host = bare_host(name) if "." in name else ""
    is_host = host in _listed() or _suffixes().privatesuffix(host, accept_unknown=False)
    return host if is_host and source_names.HOST.fullmatch(host) else None


def _scheme_and_host(address: str) -> tuple[str, str]:
    """Return the scheme in lower case, and the `bare_host`: "" for an address that is no site."""
    return address.partition(":")[0].lower(), bare_host(without_query(address) or "")


def own_hosts(settings: Settings) -> list[str]:
    """Return the site's hosts in order. Their pages are no sources."""
    hosts = (urlsplit(url).hostname for url in (settings.public_url, *settings.origins))
    return sorted(filter(None, hosts))
