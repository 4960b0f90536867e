"""The panel's page Connect: the code to paste into a page, and the lists of API keys and of other
features. Their forms and detail pages belong to their features.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Response, request

from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.core.registry import Registry
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.visits import Visits
from koyjabo.site import shown_values as values
from koyjabo.site.looks import LOOKS
from koyjabo.web.current import current
from koyjabo.web.i18n import language
from koyjabo.web.pages.links import sample_site
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import page

bp = panel_blueprint("connect")

FIRST_HOSTS: Registry[str, Callable[[], str]] = Registry()
"""Functions by feature that return the host of the first page that has counted a visit, or "". Features fill it."""

COLOR = re.compile("#[0-9a-f]{6}")

OWN_VALUE = "mine"
"""The value of the element for the number of the visitor's visit. Badges and frames do not have it."""


class Appearance(NamedTuple):
    """The choices on the page, as in its URL."""

    look: str
    value: str
    lang: str  # "" for the page's
    theme: str  # "" for the page's
    color: str  # "" for the colour of the site
    counts: bool
    views: bool
    stores: str  # "" for an id
    share: bool

    @property
    def value_of_image(self) -> str:
        """The value of a badge or frame."""
        return values.TOTAL_VALUE if self.value == OWN_VALUE else self.value

    @property
    def label(self) -> str:
        return values.label_of(self.value_of_image, self.lang or language())

    @property
    def lang_of_image(self) -> str:
        """The language of a badge or frame, which cannot know the page's; "" for English, the default."""
        return self.lang or language().removeprefix("en")

    def url(self, look: str) -> str:
        """The page's URL with another look."""
        words = {True: "yes", False: "no"}
        choices = self._replace(look=look)._asdict().items()
        return f"?{urlencode({name: words.get(choice, choice) for name, choice in choices})}"


@bp.get("/connect")
@for_viewers
def connect() -> Response:
    services = current()
    stats = services[Visits].stats()
    return page(
        "panel/connect",
        site=sample_site(),
        look=_appearance(),
        looks=LOOKS,
        choices=_values(),
        own_value=OWN_VALUE,
        accent=services[Settings].palette.ground.light,
        stats=stats.as_object(),
        last=stats.last,
        host=next((host for read in FIRST_HOSTS.values() if (host := read())), ""),
        now_ms=services.clock.now_ms(),
    )


def _values() -> list[str]:
    """The values to choose from."""
    return [*values.STATS_FIELDS, *(name for name, value in values.PAGE_VALUES.items() if value.is_shown())]


def _appearance() -> Appearance:
    """The choices in the query string. Unknown ones are ignored."""
    query = request.args
    first_look = next(iter(LOOKS))
    look, value, lang = query.get("look", first_look), query.get("value", ""), query.get("lang", "")
    color, theme = query.get("color", "").lower(), query.get("theme", "")
    return Appearance(
        look if look in LOOKS else first_look,
        value if value in _values() or (look, value) == (first_look, OWN_VALUE) else values.TOTAL_VALUE,
        lang if lang in LANGUAGES else "",
        theme if theme in ("light", "dark") else "",
        color if COLOR.fullmatch(color) and color != current()[Settings].palette.ground.light else "",
        query.get("counts") != "no",
        query.get("views") != "no",
        "nothing" if query.get("stores") == "nothing" else "",
        query.get("share") == "yes",
    )
