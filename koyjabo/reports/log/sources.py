"""Names the source of a visit: the site, search engine, social network, AI assistant or app that its referrer belongs
to. The lists are `data/sources.json`, made from Ghost's list (`tools/assets/sources.mjs`), and our own additions in
`data/more_sources.json`, which take precedence. Both list hosts by channel and source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from koyjabo.reports.query.dimensions import AI, DIRECT, REFERRAL, SEARCH, SOCIAL

DATA = Path(__file__).parent / "data"
LISTS = (DATA / "sources.json", DATA / "more_sources.json")
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
    """Finds sources. Pages on `own_hosts` (this site) are not sources. The data is read on the first look-up."""

    def __init__(self, own_hosts: Iterable[str] = ()) -> None:
        self._own_hosts = frozenset(host.lower().removeprefix("www.") for host in own_hosts)
        self._of_host = lru_cache(maxsize=CACHE_SIZE)(self._find)

    def of(self, referrer: str | None) -> Source:
        """Return the source of a referrer: a URL, or a host with or without a path."""
        return self._of_host(*_scheme_and_host(referrer)) if referrer else NOWHERE

    def _find(self, scheme: str, host: str) -> Source:
        if not host or host in self._own_hosts:
            return NOWHERE
        known = self._listed(host)
        if known is not None:
            return known
        is_domain = scheme not in APPS and not ADDRESS.fullmatch(host)
        return Source(_suffixes().privatesuffix(host) or host if is_domain else host, REFERRAL)

    def _listed(self, host: str) -> Source | None:
        """Return the entry of the host, or of the nearest domain above it."""
        labels = host.split(".")[-LONGEST_LABELS:]
        names = (".".join(labels[at:]) for at in range(len(labels)))
        return next((_known()[name] for name in names if name in _known()), None)


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
