"""The panel's page Connect: the code to paste into a page, and the lists of API keys and of other
features. Their forms and detail pages belong to their features.
"""

import re
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Response, request

from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.counting.page_numbers.page_numbers import PageNumbers
from koyjabo.counting.visits import Visits
from koyjabo.integrations.api_keys.api_keys import KEY_SCOPES, ApiKeys
from koyjabo.site.badges import values
from koyjabo.site.badges.values import ACCENT
from koyjabo.site.getting_started.getting_started import GettingStarted
from koyjabo.web.current import current
from koyjabo.web.i18n import language
from koyjabo.web.pages.links import sample_site
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import me, page

bp = panel_blueprint("connect")

LOOKS = ("number", "badge", "frame", "count", "react", "markdown", "script", "pixel")
"""What the code to paste is for. The first four are pictures on the page, the others are links below them."""

COLOR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)


class Appearance(NamedTuple):
    """The choices on the page, as in its URL."""

    look: str
    value: str
    lang: str
    color: str
    counts: bool

    @property
    def label(self) -> str:
        return values.VALUE_LABELS[self.lang][self.value]

    @property
    def hex(self) -> str:
        """The digits of the colour; "" for the default."""
        return "" if self.color == ACCENT else self.color[1:]

    def url(self, look: str) -> str:
        """The page's URL with another look."""
        counts = "yes" if self.counts else "no"
        return f"?{urlencode(self._replace(look=look)._asdict() | {'counts': counts})}"


@bp.get("/connect")
@for_viewers
def connect() -> Response:
    lists: dict[str, Any] = {}
    services = current()
    if me().is_admin:
        lists = {"keys": services[ApiKeys].all(me())}
    stats = services[Visits].stats()
    return page(
        "panel/connect",
        site=sample_site(),
        look=_appearance(),
        choices=_values(),
        accent=ACCENT,
        stats=stats.as_object(),
        last=stats.last,
        host=services[GettingStarted].seen_on(),
        scopes=KEY_SCOPES,
        now_ms=services.clock.now_ms(),
        **lists,
    )


def _values() -> list[str]:
    """The values to choose from. The views of a page are one if pages show their number."""
    return [*values.STATS_FIELDS, *([values.PAGE_VALUE] if current()[PageNumbers].is_on else [])]


def _appearance() -> Appearance:
    """The choices in the query string. Unknown ones are ignored."""
    query = request.args
    look, value, lang = query.get("look", ""), query.get("value", ""), query.get("lang", "")
    color = query.get("color", "")
    return Appearance(
        look if look in LOOKS else LOOKS[0],
        value if value in _values() else values.TOTAL_VALUE,
        lang if lang in LANGUAGES else language(),
        color.lower() if COLOR.fullmatch(color) else ACCENT,
        query.get("counts") != "no",
    )
