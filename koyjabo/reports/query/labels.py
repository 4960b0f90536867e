"""Labels for dimension values, in the page's language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from babel import Locale, UnknownLocaleError

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.urls import shown
from koyjabo.base.network import place_names
from koyjabo.base.network.geolocation import NAMES
from koyjabo.people.mail.contents import catalogue
from koyjabo.reports.query.dimensions import ADDRESSES
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.report_query import Value

WORDS = {
    "device": {"bot": N_("Bot"), "tablet": N_("Tablet"), "phone": N_("Phone"), "desktop": N_("Desktop")},
    "channel": {
        "campaign": N_("Campaign"),
        "direct": N_("Direct"),
        "search": N_("Search engines"),
        "social": N_("Social networks"),
        "ai": N_("AI assistants"),
        "referral": N_("Other sites"),
    },
    "visitor_kind": {"new": N_("New visit"), "returning": N_("Returning visit")},
    "attended": {
        "none": N_("Under 1 second"),
        "<10s": N_("1 to 10 seconds"),
        "<1m": N_("10 seconds to 1 minute"),
        "<5m": N_("1 to 5 minutes"),
        "5m+": N_("5 minutes or more"),
    },
    "evidence": {
        "automated": N_("Automated"),
        "acted": N_("Acted"),
        "stayed": N_("Stayed"),
        "none": N_("Nobody was there"),
    },
    "network": {"datacentre": N_("Data centre"), "other": N_("Other networks")},
    "own": {"own": N_("Own visits"), "others": N_("Visits by others")},
}
DIRECT, NONE, UNKNOWN, NOT_MEASURED = N_("Direct"), N_("None"), N_("Unknown"), N_("Not measured")
WITHOUT_VALUE = {
    **dict.fromkeys(("source", "referrer"), DIRECT),
    **dict.fromkeys(("browser", "system", "device", "language", "country", "city", "network", "own"), UNKNOWN),
    **dict.fromkeys(("attended", "evidence"), NOT_MEASURED),
}
"""Labels for visits without a value: direct visits have no source, other values are unknown (glossary)."""

PATH = "/communities/"
IN_ADDRESS = re.compile(f"{PATH}([^/?#]+)")
UNLISTED = N_("A community that is not listed")
"""Shown to readers of share links, because the name and the id of an unlisted community are not public."""


def label(dimension: str, value: Value, language: str, names: Mapping[str, str]) -> str:
    """Return the label. `names` maps the keys that `community_of` returns to community names."""
    if value is None:
        return catalogue(language).gettext(WITHOUT_VALUE.get(dimension, NONE))
    if dimension in WORDS:
        return catalogue(language).gettext(WORDS[dimension].get(value, value))
    if dimension in ("country", "city"):
        return place_names.in_language(NAMES.get(value, value), language)
    if dimension == "language":
        return _language(value, language)
    key = community_of(dimension, value)
    value = shown(value) if dimension in ADDRESSES else value
    return _named(value, key, names[key]) if key and key in names else value


def unlisted(language: str) -> str:
    return catalogue(language).gettext(UNLISTED)


def has_addresses(dimension: str) -> bool:
    """Return whether a value may be a community's page."""
    return dimension in ADDRESSES or dimension.startswith("event:")


def names_communities(dimension: str) -> bool:
    """Return whether labels may contain community names, which can change without a visit."""
    return dimension == COMMUNITY or has_addresses(dimension)


def community_of(dimension: str, value: str) -> str | None:
    """Return the id or external id of the community that a value refers to. The value is an id, an external id or a
    community's page.
    """
    if dimension == COMMUNITY:
        return value
    match = IN_ADDRESS.search(value) if has_addresses(dimension) and PATH in value else None
    return match[1] if match and match[1] != "new" else None


def _named(value: str, key: str, name: str) -> str:
    """Replace the key with the name: a community's page becomes its name, followed by the rest of the path."""
    page = PATH + key
    return name + value.removeprefix(page) if value.startswith(page) else value.replace(key, name, 1)


def _language(code: str, language: str) -> str:
    try:
        return Locale.parse(code).get_display_name(language) or code
    except (UnknownLocaleError, ValueError):
        return code
