"""Labels for values of dimensions, in the language of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from babel import Locale, UnknownLocaleError

from koyjabo.core.i18n import N_
from koyjabo.mail.contents import catalogue
from koyjabo.network import place_names
from koyjabo.network.geolocation import NAMES
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
    "visitor_kind": {"new": N_("First visit"), "returning": N_("Repeat visit")},
}
DIRECT, NONE, UNKNOWN = N_("Direct"), N_("None"), N_("Unknown")
FROM = {"source", "referrer"}
"""Dimensions that a direct visit does not have (glossary)."""

PROPERTIES = {"browser", "system", "device", "language", "country", "city"}
"""Dimensions that apply to every visit. Only their values may be unknown."""

ADDRESSES = {"page", "viewed_page", "referrer"}
PATH = "/communities/"
IN_ADDRESS = re.compile(f"{PATH}([^/?#]+)")
UNLISTED = N_("A community that is not listed")
"""Shown to readers of share links, because the name and the id of an unlisted community are not public."""


def label(dimension: str, value: Value, language: str, names: Mapping[str, str]) -> str:
    """Return the label. `names` are the names of communities, by the keys that `community_of` returns."""
    if value is None:
        word = DIRECT if dimension in FROM else UNKNOWN if dimension in PROPERTIES else NONE
        return catalogue(language).gettext(word)
    if dimension in WORDS:
        return catalogue(language).gettext(WORDS[dimension].get(value, value))
    if dimension in ("country", "city"):
        return place_names.in_language(NAMES.get(value, value), language)
    if dimension == "language":
        return _language(value, language)
    key = community_of(dimension, value)
    return _named(value, key, names[key]) if key and key in names else value


def unlisted(language: str) -> str:
    return catalogue(language).gettext(UNLISTED)


def has_addresses(dimension: str) -> bool:
    """Return whether a value may be the page of a community."""
    return dimension in ADDRESSES or dimension.startswith("event:")


def names_communities(dimension: str) -> bool:
    """Return whether labels may contain names of communities, which change without a visit."""
    return dimension == COMMUNITY or has_addresses(dimension)


def community_of(dimension: str, value: str) -> str | None:
    """Return the id or ref of the community in a value, which is an id, a ref or a community's page."""
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
