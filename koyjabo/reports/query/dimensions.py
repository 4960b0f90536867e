"""The dimensions by which visits are broken down and filtered (specification: Reports)."""

from __future__ import annotations

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
TRAITS = ("browser", "system", "device", "language", "source", "channel", *UTM, "country", "city")
"""Parsed values of a visit; columns of the table `traits`."""

DIMENSIONS = ("page", "viewed_page", "referrer", *TRAITS, "community", "visitor_kind", "event")
"""Beside these, `event:{name}:{property}`."""

NEW, RETURNING = "new", "returning"
"""The values of `visitor_kind`."""

COUNTED = ("viewed_page", "event")
"""Rows by these dimensions, and by `event:…`, carry a `count`."""

DIRECT, SEARCH, SOCIAL, AI, REFERRAL, CAMPAIGN = "direct", "search", "social", "ai", "referral", "campaign"
"""The values of `channel`."""

BOT = "bot"
"""The `device` of declared crawlers; `network.user_agents` has the others."""


def has_many(dimension: str) -> bool:
    """Whether a visit can have several values of a dimension."""
    return dimension in COUNTED or dimension.startswith("event:")
