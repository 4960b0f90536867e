"""GET /admin/design: all building blocks of pages, in both themes and languages."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, current_app
from markupsafe import Markup

from koyjabo.base.core.errors import EmailTaken
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.web.assets.static_files import FOLDER
from koyjabo.web.current import admin as bp
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import language, speaking
from koyjabo.web.pages.preferences import THEMES
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import page
from koyjabo.web.schemas.bodies import Body

SECTIONS = (
    *("colours", "text", "space", "buttons", "fields", "filters", "states", "figures"),
    *("charts", "navigation", "menus", "dialogs", "tables", "lists", "invitations", "imports", "icons"),
)
"""The macros of panel/specimens.html, in the order they appear on the page."""

REFERENCES = re.compile(r' (id|for|aria-labelledby|aria-describedby|popovertarget|data-dialog|data-sheet)="([^"]*)"')


@bp.get("/design")
@for_viewers
def design() -> Response:
    """Show the page. The light half is in the page's language, the dark half in the other language. To see the other
    combinations, switch the language.
    """
    halves = tuple(zip(THEMES, sorted(LANGUAGES, key=lambda code: code != language()), strict=True))
    sprite = FOLDER / "vendor" / "icons.svg"
    icons = re.findall(r'id="([^"]+)"', sprite.read_text(encoding="utf-8")) if sprite.is_file() else []
    return page("panel/design", sections={name: [_half(name, icons, *half) for half in halves] for name in SECTIONS})


def _half(name: str, icons: list[str], theme: str, code: str) -> dict[str, Any]:
    """A section's specimens. They get unique ids, because the page shows each specimen twice."""
    specimens = current_app.jinja_env.get_template("panel/specimens.html").module
    place = {"bn": "ঢাকা"}.get(code, "Dhaka")

    def with_theme(match: re.Match[str]) -> str:
        references = " ".join(f"{token}-{theme}" for token in match[2].split())
        return f' {match[1]}="{references}"'

    with speaking(code):
        form = Form(Body, {"name": "Mirpur 10", "email": "ayesha@", "place": place})
        form.errors["email"] = EmailTaken.sentence
        html = str(getattr(specimens, name)(form, icons)).replace(" autofocus", "")
    return {"theme": theme, "language": code, "html": Markup(REFERENCES.sub(with_theme, html))}
