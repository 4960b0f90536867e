"""/admin/server: the settings of the site, and the parts that features bring (`koyjabo.web.panel.server_page`).

A row shows a group of settings. `?edit=ROW` opens its form, and POST /admin/server/settings/ROW saves it.
"""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from flask import Response, abort, request

from koyjabo.base.core.i18n import N_
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.settings.catalogue import GROUP_ROWS, PAGE_SETTINGS, ROWS, masked_settings
from koyjabo.people.accounts.login import authentication
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.current import current
from koyjabo.web.http.body_sizes import takes_file
from koyjabo.web.i18n import translated
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint, without_database
from koyjabo.web.panel.pages import me, page
from koyjabo.web.panel.server_page import FIRST_STEPS, SERVER_ROWS, ServerRow, missing_steps, parts_of
from . import setting_forms as forms

bp = panel_blueprint("server")

GROUP_LABELS = {"site": N_("Site"), "people": N_("People"), "data": N_("Data")}


class NameRow(ServerRow):
    template = "panel/rows/name.html"


class ZoneRow(ServerRow):
    template = "panel/rows/zone.html"

    def read(self, form: Any) -> Mapping[str, Any]:
        return {"zones": sorted(available_timezones()) if form else ()}


class LocationsRow(ServerRow):
    template, after = "panel/rows/locations.html", "zone"

    def read(self, form: Any) -> Mapping[str, Any]:
        return {"has_cities": current()[LocationFinder].has_cities}


SITE_ROWS = {"name": NameRow(), "zone": ZoneRow(), "locations": LocationsRow()}


@bp.get("/server")
@without_database
def server() -> Response:
    stored, row = current()[StoredSettings], request.args.get("edit", "")
    is_read = stored.refresh()
    names = [setting.name for setting in ROWS.get(row, ())]
    is_free = parts_of(row) or not all(map(stored.is_fixed, names)) if forms.is_shown(row) else row in SERVER_ROWS
    return show(200, forms.form_of(row) if me().is_admin and is_free else None, row, is_read)


def show(status: int, form: Any, row: str, is_read: bool = True) -> Response:
    """Show the page, with a row's `form` if there is one. `is_read`: whether the database can be read."""
    stored, missing = current()[StoredSettings], missing_steps()
    texts = {name: stored.settings.text_of(name) for name in PAGE_SETTINGS}
    texts = texts if me().is_admin else masked_settings(texts)
    return page(
        "panel/server",
        status,
        settings=stored.settings,
        rows=ROWS,
        own_rows=SERVER_ROWS,
        part_of=lambda name: SERVER_ROWS[name].read(form if name == row else None),
        parts_of=parts_of,
        groups=[(name, translated(label), _listed(name, missing)) for name, label in GROUP_LABELS.items()],
        rare=[name for name in ROWS if forms.is_shown(name) and not any(name in ids for ids in GROUP_ROWS.values())],
        missing=missing,
        steps=[(FIRST_STEPS[name], name) for name in missing],
        is_read=is_read,
        set_here=[name for name in PAGE_SETTINGS if stored.source(name) == "page"],
        texts=texts,
        fixed={name: text for name, text in texts.items() if stored.is_fixed(name)},
        labels={name: translated(setting.label) for name, setting in PAGE_SETTINGS.items()},
        words={
            name: {value: translated(word) for value, word in setting.words.items()}
            for name, setting in PAGE_SETTINGS.items()
        },
        left_out=stored.left_out,
        form=form,
        group=row if form else "",
        asks_proof=form and (forms.is_proved(row) or "password" in form.errors),
    )


def _listed(group: str, missing: tuple[str, ...]) -> list[str]:
    """The ids of a group's rows, without those that are listed as steps."""
    ids = [id for name in GROUP_ROWS[group] for id in (*([name] if forms.is_shown(name) else []), *_after(name))]
    return [id for id in (*ids, *_after(group)) if id not in missing]


def _after(name: str) -> list[str]:
    """The ids of the features' rows that follow a row, or end a group."""
    rows = {
        id: row for id, row in SERVER_ROWS.items() if row.after == name and (me().is_admin or not row.is_for_admins)
    }
    return sorted(rows, key=lambda id: rows[id].rank)


SHOWN_PAGE = {"show": show}


@bp.post("/server/settings/<group>")
@takes_file
def change_settings(group: str) -> Response:
    """Save a row. If a field is invalid, the page is shown again with its form."""
    if not forms.is_shown(group):
        abort(404)
    form, row = forms.form_of(group), forms.row_of(group)
    rows = row, *parts_of(group).values()
    with authentication.errors_in(form):
        changes = forms.sent(form, group)
        if forms.is_proved(group) or row.needs_proof(changes):
            authentication.require_proof()
        for part in rows:
            part.check(changes)
        current()[StoredSettings].change(me(), **changes)
    if form.errors:
        form.errors = {name.lower(): why for name, why in form.errors.items()}
        return show(422, form, group)
    if sentence := "".join(part.saved(form) for part in rows):
        return done(sentence, "panel_server.server", _anchor=group)
    anchor = "steps" if "listed" in request.form else group
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=anchor)
