"""The dimensions that reports group and filter visits by, in one table. Choices, labels, calls and files follow from
it. A dimension that is parsed from columns of a visit also needs a reader (`readers.py`).
"""

from koyjabo.base.core.i18n import LANGUAGE_DIGITS, N_
from . import source_names
from .dimension import IS_DIRECT, IS_NOT_MEASURED, IS_UNKNOWN, Dimension, page_dimension, place_label

Value = str | None
"""A value of a dimension; None if it was not recorded."""

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

EVIDENCE, OWN_VISITS = "evidence", "own"
"""Facts that the server observed about a visit (`counting.evidence.facts`)."""

ATTENDED_FILTER = "attended"
"""A fact to filter by, which is not a dimension."""

EVENT_DIMENSION, VIEWED_PAGE = "event", "viewed_page"
"""Events by name, and page views by page."""

SOURCE, COUNTRY, CITY_NAME, COMMUNITY = "source", "country", "city", "community"

PROPERTIES = f"{EVENT_DIMENSION}:"
"""Prefix of the dimensions of properties, `event:{name}:{property}`."""

DIRECT_CHANNEL, SEARCH_CHANNEL, SOCIAL_CHANNEL, AI_CHANNEL, REFERRAL_CHANNEL, CAMPAIGN_CHANNEL = (
    "direct",
    "search",
    "social",
    "ai",
    "referral",
    "campaign",
)
"""The channels of visits without a campaign, and of the campaigns that say nothing else."""

BOT = "bot"
"""The `device` of declared crawlers. Other devices are in `base.network.user_agents`."""


DEVICES = {BOT: N_("Bot"), "tablet": N_("Tablet"), "phone": N_("Phone"), "desktop": N_("Desktop")}
CHANNELS = {
    CAMPAIGN_CHANNEL: N_("Other campaigns"),
    DIRECT_CHANNEL: N_("Direct"),
    SEARCH_CHANNEL: N_("Search engines"),
    SOCIAL_CHANNEL: N_("Social networks"),
    AI_CHANNEL: N_("AI assistants"),
    REFERRAL_CHANNEL: N_("Other sites"),
    "email": N_("Email"),
    "paid_search": N_("Paid search"),
    "paid_social": N_("Paid social"),
    "paid_video": N_("Paid video"),
    "paid_shopping": N_("Paid shopping"),
    "paid_other": N_("Other advertisements"),
    "display": N_("Display advertisements"),
    "affiliate": N_("Affiliates"),
    "video": N_("Videos"),
    "audio": N_("Audio"),
    "sms": N_("SMS"),
    "push": N_("Push notifications"),
}
EVIDENCE_WORDS = {
    "automated": N_("Automated"),
    "acted": N_("Acted"),
    "stayed": N_("Stayed"),
    "none": N_("Nobody was there"),
}
OWN_WORDS = {"own": N_("Own visits"), "others": N_("Visits by others")}
ATTENDED_WORDS = {"none": N_("Under 1 second"), "attended": N_("1 second or more")}

DAY_NAMES = N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday")
WEEKDAY, HOUR_OF_DAY = "weekday", "hour"
WEEKDAYS = dict(zip("1234567", DAY_NAMES, strict=True))
HOURS = tuple(map(str, range(24)))


def source_name(value: str, _language: str) -> str:
    return source_names.label(value)


def hour_label(value: str, language: str) -> str:
    return f"{value:0>2}:00".translate(LANGUAGE_DIGITS.get(language, {}))


DIMENSIONS = (
    page_dimension("page", N_("Landing page")),
    page_dimension(VIEWED_PAGE, N_("Viewed page"), is_counted=True),
    Dimension("device", N_("Device"), "devices", DEVICES, IS_UNKNOWN),
    Dimension("browser", N_("Browser"), "devices", without=IS_UNKNOWN),
    Dimension("system", N_("System"), "devices", without=IS_UNKNOWN),
    Dimension(WEEKDAY, N_("Weekday"), words=WEEKDAYS, order=tuple(WEEKDAYS)),
    Dimension("hour", N_("Hour"), shown=hour_label, order=HOURS),
    Dimension(SOURCE, N_("Source"), "sources", without=IS_DIRECT, stored=source_names.value_of, shown=source_name),
    Dimension("channel", N_("Channel"), "sources", CHANNELS),
    Dimension("utm_source", N_("Campaign source")),
    Dimension("utm_medium", N_("Medium")),
    Dimension("utm_campaign", N_("Campaign")),
    Dimension("utm_term", N_("Term")),
    Dimension("utm_content", N_("Content")),
    Dimension(COUNTRY, N_("Country"), "places", without=IS_UNKNOWN, shown=place_label),
    Dimension(CITY_NAME, N_("City"), "places", without=IS_UNKNOWN, shown=place_label),
    Dimension(COMMUNITY, N_("Community"), "communities", without=N_("No community")),
    Dimension(EVIDENCE, N_("Activity"), words=EVIDENCE_WORDS, without=IS_NOT_MEASURED),
    Dimension(OWN_VISITS, N_("Own visits"), words=OWN_WORDS),
    Dimension(EVENT_DIMENSION, N_("Event"), "pages", is_counted=True),
    Dimension(ATTENDED_FILTER, N_("Time on page"), words=ATTENDED_WORDS, without=IS_NOT_MEASURED, is_filter_only=True),
)
"""All dimensions except `event:{name}:{property}`, and the filters that are none."""

DIMENSION_BY_NAME = {dimension.name: dimension for dimension in DIMENSIONS}

FILTER_NAMES = tuple(DIMENSION_BY_NAME)

DIMENSION_NAMES = tuple(dimension.name for dimension in DIMENSIONS if not dimension.is_filter_only)


def dimension_of(name: str) -> Dimension:
    """Return a dimension; for any other name, the dimension of a property, whose label is its parts."""
    if name in DIMENSION_BY_NAME:
        return DIMENSION_BY_NAME[name]
    return Dimension(name, " · ".join(name.removeprefix(PROPERTIES).split(":")), is_counted=True)


def has_many(name: str) -> bool:
    """Return whether a visit can have several values for a dimension."""
    return DIMENSION_BY_NAME[name].is_counted if name in DIMENSION_BY_NAME else name.startswith(PROPERTIES)


def has_addresses(name: str) -> bool:
    """Return whether a value may be a community's page."""
    return DIMENSION_BY_NAME[name].is_address if name in DIMENSION_BY_NAME else name.startswith(PROPERTIES)


def property_of(name: str) -> tuple[str, str]:
    """Return the event name and the property name from `event:{name}:{property}`."""
    _, event, property_ = name.split(":", 2)
    return event, property_
