"""What reports break visits down by, and filter by."""

Value = str | None
"""A value of a dimension; None if it was not recorded."""

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

TRAITS = ("browser", "system", "device", "source", "channel", *UTM, "country", "city")
"""Parsed values of a visit."""

EVIDENCE, OWN = "evidence", "own"
"""Facts that the server observed about a visit (`counting.evidence.facts`)."""

ATTENDED = "attended"
"""A fact to filter by, which is not a dimension."""

DIMENSIONS = ("page", "viewed_page", *TRAITS, "community", EVIDENCE, OWN, "event")
"""All dimensions except `event:{name}:{property}`."""

EVENT, VIEWED_PAGE = COUNTED = ("event", "viewed_page")
"""Events by name, and page views by page: dimensions whose rows have a `count`. Rows of properties have one as well."""

ADDRESSES = ("page", VIEWED_PAGE)
"""Dimensions whose values are `urls.normal`, and shown as `urls.shown`."""

SOURCE = "source"

COMMUNITY = "community"

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
