"""The dimensions for breaking down and filtering visits (specification: Reports)."""

from __future__ import annotations

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
TRAITS = ("browser", "system", "device", "language", "source", "channel", *UTM, "country", "city")
"""Parsed values of a visit."""

ATTENDED, EVIDENCE, NETWORK, OWN = FACTS = ("attended", "evidence", "network", "own")
"""Facts that the server observed about a visit (`counting.evidence.facts`)."""

VISITOR_KIND, NEW, RETURNING = "visitor_kind", "new", "returning"
"""A visit dimension and its values."""

DIMENSIONS = ("page", "viewed_page", "referrer", *TRAITS, "community", VISITOR_KIND, *FACTS, "event")
"""All dimensions except `event:{name}:{property}`."""

EVENT, VIEWED_PAGE = COUNTED = ("event", "viewed_page")
"""Events by name, and page views by page: dimensions whose rows have a `count`. Rows of properties have one as well."""

ADDRESSES = ("page", VIEWED_PAGE, "referrer")
"""Dimensions whose values are `urls.normal`, and shown as `urls.shown`."""

SOURCE = "source"

PROPERTIES = f"{EVENT}:"
"""Prefix of the dimensions of properties, `event:{name}:{property}`."""

DIRECT, SEARCH, SOCIAL, AI, REFERRAL, CAMPAIGN = "direct", "search", "social", "ai", "referral", "campaign"
"""The values of `channel`."""

BOT = "bot"
"""The `device` of declared crawlers. Other devices are in `base.network.user_agents`."""


def has_many(dimension: str) -> bool:
    """Return whether a visit can have several values for a dimension."""
    return dimension in COUNTED or dimension.startswith(PROPERTIES)


def property_of(dimension: str) -> tuple[str, str]:
    """Return the event name and the property name from `event:{name}:{property}`."""
    _, name, property_ = dimension.split(":", 2)
    return name, property_
