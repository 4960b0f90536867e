"""The cards of reports and their tabs. A tab is a dimension or a map."""

from flask_babel import gettext, lazy_gettext as _

from koyjabo.columns.dimensions.dimensions import CITY_NAME, dimension_of
from .card import card

BANGLADESH = "bangladesh"
"""The tab that also shows the values of CITY on a map."""


SITE_CARDS = (
    card("pages", _("Pages")),
    card("sources", _("Sources")),
    card("places", _("Locations"), BANGLADESH),
    card("devices", _("Devices")),
    card("when", _("When")),
    card("communities", _("Communities")),
)

COMMUNITY_CARDS = tuple(shown for shown in SITE_CARDS if shown.name != "communities")
"""The cards without communities, because all of a community's visits have the same community."""


def listed_by(tab: str) -> str:
    """Return the name of the dimension that a tab lists."""
    return CITY_NAME if tab == BANGLADESH else tab


def label(tab: str) -> str:
    text: str = gettext("Map") if tab == BANGLADESH else gettext(dimension_of(tab).label)
    return text
