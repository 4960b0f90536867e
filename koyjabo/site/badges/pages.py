"""/embed, a page with one number, for an iframe (specification: Element and frame), and /install, also in the panel:
the HTML to paste, as configured in the builder. Any site may frame /embed (`response_headers`), so it contains no login
and no forms.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask import Response, render_template, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.network.campaigns import Campaign
from koyjabo.counting.services import CountingServices
from koyjabo.site.badges import values
from koyjabo.site.badges.values import ACCENT
from koyjabo.web.current import admin, current
from koyjabo.web.current import pages as bp
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import language, speaking
from koyjabo.web.pages.links import sample_site
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import page

declare(bp, "/embed", PathPolicy.EMBEDDED)

THEMES = {"auto": "", "light": "light", "dark": "dark"}
"""The page's theme attribute, by parameter value."""

COLOR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)
PARAMETERS = ("value", "community", "lang", "theme", "counts")


class Frame(NamedTuple):
    value: str
    community: str  # "" for the site
    language: str
    theme: str  # "" for the system's theme
    counts: bool


@bp.get("/embed")
def embed() -> str:
    """Show the current number, which a script updates. Counts the visit only with `counts=1`. Raises InvalidInput with
    the reason by parameter.
    """
    query = {name: value for name, value in request.args.items() if name not in Campaign._fields}
    problems = values.problems(query, PARAMETERS, {"lang": LANGUAGES, "theme": THEMES})
    if problems:
        raise InvalidInput("; ".join(f"{name}: {reason}" for name, reason in problems.items()) + ".", problems)
    frame = Frame(
        value=query.get("value", values.TOTAL),
        community=query.get("community", ""),
        language=query.get("lang", language()),
        theme=THEMES[query.get("theme", "auto")],
        counts=query.get("counts") == "1",
    )
    number = values.read(current(), frame.value, frame.community).number
    with speaking(frame.language):
        label = values.LABELS[frame.language][frame.value]
        return render_template("badges/embed.html", frame=frame, number=number, label=label)


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
    """The template's values. Unknown settings in the query string are ignored."""
    value, lang, color = (request.args.get(name, "") for name in Appearance._fields)
    look = Appearance(
        value if value in values.FIELDS else values.TOTAL,
        lang if lang in LANGUAGES else language(),
        color.lower() if COLOR.fullmatch(color) else ACCENT,
    )
    site, stats = sample_site(), current()[CountingServices].visits.stats().as_object()
    socket_site = site.replace("http", "ws", 1)
    return {"site": site, "socket_site": socket_site, "look": look, "choices": values.FIELDS, "stats": stats}
