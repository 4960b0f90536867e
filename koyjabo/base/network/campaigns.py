"""A visit's campaign: its page's utm_ parameters, stored as a query string in a fixed order."""

import re
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from koyjabo.base.core.sanitize import whole

MAX_PARAMETER_LENGTH, MAX_PAGE_QUERY_LENGTH = 120, 8192
MAX_CACHED_CAMPAIGNS = 512
PARAMETER_SEPARATORS = re.compile(r"&amp;|[&#]|\?(?=utm)")
"""Mailers append parameters to a query with a second `?`, escape `&` twice, or write them after `#`."""

NAMELESS_CAMPAIGN = "utm"
"""A campaign whose parameters are not known."""


class Campaign(NamedTuple):
    """A campaign: its parameters, each None if the page has none."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None

    @classmethod
    def read(cls, query: str | None) -> Self:
        """Read a query: the first value of each parameter, cut to MAX_PARAMETER_LENGTH characters."""
        parameters: dict[str, str] = {}
        for name, value in parse_qsl(query or ""):
            if name in cls._fields and value.strip():
                parameters.setdefault(name, whole(value.strip()[:MAX_PARAMETER_LENGTH]))
        return cls(**parameters)

    def written(self) -> str | None:
        """The value to store in `visits.campaign`; None if there are no parameters."""
        return urlencode([(name, value) for name, value in zip(self._fields, self, strict=True) if value]) or None


def of_forgotten(campaign: str | None) -> str | None:
    """The part of an erased visitor's campaign that is kept. Term and content are removed, because they may name a
    person. Never empty, because the visit's channel still shows that there was a campaign.
    """
    if not campaign:
        return None
    return Campaign.read(campaign)._replace(utm_term=None, utm_content=None).written() or NAMELESS_CAMPAIGN


def of_page(page: str | None) -> str | None:
    """The campaign in a page's query, as it is stored. Fast for pages without a query."""
    query = re.search("[?#].*", page, re.DOTALL) if page else None
    return _of_query(query[0][1 : 1 + MAX_PAGE_QUERY_LENGTH]) if query else None


@lru_cache(maxsize=MAX_CACHED_CAMPAIGNS)
def _of_query(query: str) -> str | None:
    return Campaign.read(PARAMETER_SEPARATORS.sub("&", query)).written()
