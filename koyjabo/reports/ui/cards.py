"""The cards of reports and their tabs. A tab is a dimension or a map."""

from flask_babel import gettext, lazy_gettext as _

from koyjabo.columns.dimensions.dimensions import dimension_of
from .card import card

MAP = "map"
"""The tab that shows the countries on a map, or the cities of Bangladesh (`ViewResults.dots`)."""


SITE_CARDS = (
    card("pages", _("Pages")),
    card("sources", _("Sources")),
    card("places", _("Locations"), MAP),
    card("devices", _("Devices")),
    card("when", _("When")),
    card("communities", _("Communities")),
)

COMMUNITY_CARDS = tuple(shown for shown in SITE_CARDS if shown.name != "communities")
"""The cards without communities, because all of a community's visits have the same community."""


def label(tab: str) -> str:
    text: str = gettext("Map") if tab == MAP else gettext(dimension_of(tab).label)
    return text
