"""The cards of reports and their tabs. A tab is a dimension or a map."""

from flask_babel import gettext, lazy_gettext as _

from koyjabo.columns.dimensions.dimensions import COUNTRY, HOUR_OF_DAY, dimension_of
from .card import card

MAP = "map"
"""The tab that shows the countries on a map, or the cities of Bangladesh (`ViewResults.dots`)."""

GRID = "grid"
"""The tab that shows weekdays and hours (`hours_grid`), instead of the hours, if the range is long enough."""

DIMENSION_OF_TAB = {MAP: COUNTRY, GRID: HOUR_OF_DAY}
"""The dimension of each tab with another name."""

MORE_LISTS = "more"
"""The part that links to the lists that no card shows."""


SITE_CARDS = (
    card("pages", _("Pages")),
    card("sources", _("Sources"), "utm_campaign", "utm_medium"),
    card("places", _("Locations"), MAP),
    card("devices", _("Devices")),
    card("when", _("When"), GRID, HOUR_OF_DAY),
    card("communities", _("Communities")),
)

COMMUNITY_CARDS = tuple(shown for shown in SITE_CARDS if shown.name != "communities")
"""The cards without communities, because all of a community's visits have the same community."""


def label(tab: str) -> str:
    names = {MAP: gettext("Map"), GRID: gettext("Weekdays and hours")}
    return str(names.get(tab) or gettext(dimension_of(tab).label))
