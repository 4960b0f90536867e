"""Values of dimensions as people read them, in the language of a page."""

from __future__ import annotations

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
    "visitor_kind": {"new": N_("New"), "returning": N_("Returning")},
}
DIRECT, NONE, UNKNOWN = N_("Direct"), N_("None"), N_("Unknown")
FROM = {"source", "referrer"}
"""Dimensions that a direct visit does not have (glossary)."""

PROPERTIES = {"browser", "system", "device", "language", "country", "city"}
"""Dimensions that every visit has; only their values may be unknown."""


def label(dimension: str, value: Value, language: str, names: Mapping[str, str]) -> str:
    """`names` are those of communities, by id."""
    if value is None:
        word = DIRECT if dimension in FROM else UNKNOWN if dimension in PROPERTIES else NONE
        return catalogue(language).gettext(word)
    if dimension in WORDS:
        return catalogue(language).gettext(WORDS[dimension].get(value, value))
    if dimension in ("country", "city"):
        return place_names.in_language(NAMES.get(value, value), language)
    if dimension == "language":
        return _language(value, language)
    return names.get(value, value) if dimension == COMMUNITY else value


def _language(code: str, language: str) -> str:
    try:
        return Locale.parse(code).get_display_name(language) or code
    except (UnknownLocaleError, ValueError):
        return code
