"""/install, also in the panel: the HTML to paste, as configured in the builder."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask import Response, render_template, request

from koyjabo.badges import values
from koyjabo.badges.parameters import ACCENT
from koyjabo.core.i18n import LANGUAGES
from koyjabo.counting.services import CountingServices
from koyjabo.webkit.blueprints import admin
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language
from koyjabo.webkit.pages.links import sample_site
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import page

COLOR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)


class Appearance(NamedTuple):
    """The builder's settings."""

    value: str
    lang: str
    color: str

    @property
    def has_color(self) -> bool:
        return self.color != ACCENT

    @property
    def label(self) -> str:
        return values.LABELS[self.lang][self.value]


@bp.get("/install")
def install() -> str:
    """Show the HTML with this server's address. The page's script reports when a visit is counted."""
    return render_template("install/install.html", **_known())


@admin.get("/connect", endpoint="install")
@for_viewers
def panel_install() -> Response:
    return page("install/panel", **_known())


def _known() -> dict[str, Any]:
    site, stats = sample_site(), current()[CountingServices].visits.stats().as_object()
    socket_site = site.replace("http", "ws", 1)
    return {"site": site, "socket_site": socket_site, "look": _appearance(), "choices": values.FIELDS, "stats": stats}


def _appearance() -> Appearance:
    """The builder's settings, from the query string. Unknown settings are ignored."""
    query = request.args
    value, lang, color = query.get("value", ""), query.get("lang", ""), query.get("color", "")
    return Appearance(
        value if value in values.FIELDS else values.TOTAL,
        lang if lang in LANGUAGES else language(),
        color.lower() if COLOR.fullmatch(color) else ACCENT,
    )
