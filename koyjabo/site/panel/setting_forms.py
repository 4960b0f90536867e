"""The forms of settings on the page Server. Each has the fields of one row."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.sanitize import stripped
from koyjabo.base.settings.catalogue import ROWS
from koyjabo.base.settings.schema import Settings, written
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.panel.server_page import SERVER_ROWS, ServerRow
from koyjabo.web.schemas.bodies import Body

DEFAULT_ROW = ServerRow()

declare_texts(timezone=N_("Time zone"))


def is_shown(row: str) -> bool:
    """Whether the page shows a row of the catalogue: not without its feature."""
    return row in ROWS and (row in SERVER_ROWS or not any(setting.feature for setting in ROWS[row]))


def row_of(row: str) -> ServerRow:
    return SERVER_ROWS.get(row, DEFAULT_ROW)


def is_proved(row: str) -> bool:
    """Whether each change of a row needs a proof."""
    return row_of(row).asks_proof or any(setting.asks_proof for setting in ROWS.get(row, ()))


def form_of(row: str) -> Form[Any]:
    """A row's form. Its fields are the settings in lower case. `shown` repeats the values, which are not secret, so
    that only fields that this admin changes are saved.
    """
    settings = current()[Settings]
    texts = {setting.name.lower(): settings.text_of(setting.name) for setting in ROWS.get(row, ())}
    if row == "name":  # these fields are never empty
        texts |= {"site_colour": settings.palette.ground.light, "site_bangla": written(settings.speaks_bangla)}
    return row_of(row).form(Form(Body, {**texts, "shown": urlencode(texts)}))


def sent(form: Form[Any], row: str) -> dict[str, str]:
    """The settings in the request that differ from what its form showed, by name. The name and the time zone also
    count as changed if the default was confirmed. Raises InvalidInput.
    """
    stored = current()[StoredSettings]
    shown = {**form.values, **dict(parse_qsl(request.form.get("shown", ""), keep_blank_values=True))}
    form.values = {name: value if name == "password" else stripped(value) for name, value in request.form.items()}
    names = [setting.name for setting in ROWS[row] if not stored.is_fixed(setting.name)]
    typed = {name: form.values[name.lower()] for name in names if name.lower() in form.values}
    may_confirm = [name for name in ("SITE_NAME", "TIMEZONE") if stored.source(name) == "default"]
    changed = {name: value for name, value in typed.items() if name in may_confirm or value != shown.get(name.lower())}
    return row_of(row).changes(form, changed)
