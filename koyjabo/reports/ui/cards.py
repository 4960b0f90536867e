"""The cards of reports and their tabs. A tab is a dimension or a map."""

from __future__ import annotations

from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

BANGLADESH = "bangladesh"
MAPS = {BANGLADESH: "city"}
"""The tab with a map, and the dimension whose rows it shows."""

EVIDENCE = "evidence"
"""The card that also has a sentence about attended visits."""

LABELS: dict[str, LazyString] = {
    "page": _("Landing page"),
    "viewed_page": _("Viewed page"),
    "source": _("Source"),
    "channel": _("Channel"),
    "referrer": _("Referrer"),
    "utm_campaign": _("Campaign"),
    "utm_source": _("Campaign source"),
    "utm_medium": _("Medium"),
    "utm_term": _("Term"),
    "utm_content": _("Content"),
    "country": _("Country"),
    "city": _("City"),
    BANGLADESH: _("Bangladesh"),
    "browser": _("Browser"),
    "system": _("System"),
    "device": _("Device"),
    "language": _("Language"),
    "visitor_kind": _("New or returning visit"),
    "attended": _("Time on page"),
    "evidence": _("Evidence"),
    "network": _("Network"),
    "own": _("Own visits"),
    "community": _("Community"),
    "event": _("Event"),
}


class Card(NamedTuple):
    name: str
    label: LazyString
    tabs: tuple[str, ...]


SOURCES = (
    "source",
    "channel",
    "referrer",
    *(f"utm_{part}" for part in ("campaign", "source", "medium", "term", "content")),
)

ALL = (
    Card("pages", _("Pages"), ("page", "viewed_page", "event", "community")),
    Card("sources", _("Sources"), SOURCES),
    Card("places", _("Locations"), ("country", "city", BANGLADESH)),
    Card("devices", _("Devices"), ("browser", "system", "device", "language", "visitor_kind")),
    Card(EVIDENCE, _("Was anybody there?"), ("evidence", "network", "own")),
    Card("attended", _("Time on page"), ("attended",)),
)


OF_A_COMMUNITY = tuple(card._replace(tabs=tuple(tab for tab in card.tabs if tab != "community")) for card in ALL)
"""The cards without the community tab, because all of a community's visits have the same community."""


def label(dimension: str) -> str:
    """Return the name of a dimension. `event:search:route` is the property `route` of the event `search`."""
    if dimension in LABELS:
        return str(LABELS[dimension])
    return " · ".join(dimension.removeprefix("event:").split(":"))
