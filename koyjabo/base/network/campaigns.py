"""A visit's campaign: its page's utm_ parameters, stored as a query string in a fixed order."""

import re
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from koyjabo.base.core.sanitize import whole

LONGEST_VALUE, LONGEST_QUERY = 120, 8192
CACHE_SIZE = 512
SEPARATORS = re.compile(r"&amp;|[&#]|\?(?=utm)")
"""Mailers append parameters to a query with a second `?`, escape `&` twice, or write them after `#`."""

NAMELESS = "utm"
"""A campaign whose parameters are not known."""


class Campaign(NamedTuple):
    """A campaign. The fields are in the order of the dimensions in reports."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None

    @classmethod
    def read(cls, query: str | None) -> Self:
        """Read a query: the first value of each parameter, cut to LONGEST_VALUE characters."""
        parameters: dict[str, str] = {}
        for name, value in parse_qsl(query or ""):
            if name in cls._fields and value.strip():
                parameters.setdefault(name, whole(value.strip()[:LONGEST_VALUE]))
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
    return Campaign.read(campaign)._replace(utm_term=None, utm_content=None).written() or NAMELESS


def of_page(page: str | None) -> str | None:
    """The campaign in a page's query, as it is stored. Fast for pages without a query."""
    query = re.search("[?#].*", page, re.DOTALL) if page else None
    return _of_query(query[0][1 : 1 + LONGEST_QUERY]) if query else None


@lru_cache(maxsize=CACHE_SIZE)
def _of_query(query: str) -> str | None:
    return Campaign.read(SEPARATORS.sub("&", query)).written()
