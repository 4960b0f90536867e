"""The cards of reports and their tabs. A tab is a dimension or a map."""

from typing import NamedTuple

from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.columns.dimensions.dimensions import CITY_NAME, DIMENSIONS, dimension_of

BANGLADESH = "bangladesh"
"""The tab that also shows the values of CITY on a map."""


class Card(NamedTuple):
    name: str
    label: LazyString
    tabs: tuple[str, ...]


def _card(name: str, label: LazyString, *tabs: str) -> Card:
    """Return a card with the tabs of its dimensions, then other tabs."""
    return Card(name, label, (*(dimension.name for dimension in DIMENSIONS if dimension.card == name), *tabs))


SITE_CARDS = (
    _card("pages", _("Pages")),
    _card("sources", _("Sources")),
    _card("places", _("Locations"), BANGLADESH),
    _card("devices", _("Devices")),
    _card("communities", _("Communities")),
)

COMMUNITY_CARDS = SITE_CARDS[:-1]
"""The cards without communities, because all of a community's visits have the same community."""


def listed_by(tab: str) -> str:
    """Return the name of the dimension that a tab lists."""
    return CITY_NAME if tab == BANGLADESH else tab


def label(tab: str) -> str:
    text: str = gettext("Map") if tab == BANGLADESH else gettext(dimension_of(tab).label)
    return text
