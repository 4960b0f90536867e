"""GET /admin/settings: every setting with its value, default and meaning."""

from __future__ import annotations

import re
from itertools import groupby

from flask import Response, request
from flask_babel import gettext as _
from markupsafe import Markup, escape

from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.settings.catalogue import Setting
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import page

CODE = re.compile("`([^`]+)`")


@bp.get("/settings")
@for_viewers
def settings() -> Response:
    query = request.args.get("query", "").strip()
    matching = [each for each in current()[MaintenanceServices].settings if _matches(each, query.casefold())]
    groups = [(group, list(members)) for group, members in groupby(matching, key=lambda each: each.group)]
    return page(
        "maintenance/settings",
        groups=groups,
        query=query,
        count=len(matching),
        meaning=_as_html,
        foldable=current()[MaintenanceServices].nightly.preview(),
    )


def _matches(setting: Setting, query: str) -> bool:
    """By any part of its name, value or meaning; `changed` finds those with another value than the default."""
    words = (setting.name, setting.name.replace("_", " "), setting.value or "", setting.meaning, _(setting.meaning))
    return query in " ".join(words).casefold() or (query == "changed" and setting.is_changed)


def _as_html(setting: Setting) -> Markup:
    """The Markdown of its meaning, in the language of the page: a sentence with code in it."""
    meaning = _(setting.meaning)
    sentence = _("%(meaning)s.", meaning=meaning[:1].upper() + meaning[1:])
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(sentence))))
