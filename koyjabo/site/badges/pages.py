"""/embed, a page with one number, for an iframe (specification: Element and frame). Any site may frame it
(`response_headers`), so it contains no login and no forms.
"""

from contextlib import suppress
from typing import NamedTuple

from flask import render_template, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.network.campaigns import Campaign
from koyjabo.site import shown_values as values
from koyjabo.site.shown_values import NumberNotShown
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import language, speaking

bp = pages_blueprint("embeds")

declare(bp, "/embed", PathPolicy.EMBEDDED)

FRAME_THEMES = {"auto": "", "light": "light", "dark": "dark"}
"""The page's theme attribute, by parameter value."""

FRAME_PARAMETERS = ("value", "community", "page", "lang", "theme", "counts", "stores")


class Frame(NamedTuple):
    value: str
    community: str  # "" for the site
    page: str  # "" unless the value is a page
    language: str
    theme: str  # "" for the system's theme
    counts: bool
    stores: str | None


@bp.get("/embed")
def embed() -> str:
    """Show the current number, which a script updates, or a dash for a page that does not show its number. Counts the
    visit only with `counts=1`. Raises InvalidInput with the reason by parameter.
    """
    query = {name: value for name, value in request.args.items() if name not in Campaign._fields}
    problems = values.problems(query, FRAME_PARAMETERS, {"lang": LANGUAGES, "theme": FRAME_THEMES})
    if problems:
        # A frame has room for only one reason.
        raise InvalidInput("{}: {}.".format(*next(iter(problems.items()))), problems)
    frame = Frame(
        value=query.get("value", values.TOTAL_VALUE),
        community=query.get("community", ""),
        page=values.page_of(query["value"], query["page"]) if "page" in query else "",
        language=query.get("lang", language()),
        theme=FRAME_THEMES[query.get("theme", "auto")],
        counts=query.get("counts") == "1",
        stores=query.get("stores"),
    )
    number = None
    with suppress(NumberNotShown):
        number = values.read(current(), frame.value, frame.community, frame.page).number
    with speaking(frame.language):
        label = values.label_of(frame.value, frame.language)
        return render_template("badges/embed.html", frame=frame, number=number, label=label)
