"""Exports, as a row of the page Server, and POST /admin/server/export."""

from collections.abc import Iterator
from typing import Any

from flask import Response, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.spreadsheet import MIMETYPE
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.communities.ui import choices
from koyjabo.reports.visits.ui.visit_filters import facts, filter_form
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.http.downloads import download
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, while_admin
from koyjabo.web.panel.server_page import ServerRow, show_row
from koyjabo.web.schemas.bodies import Body

bp = panel_blueprint("exports")

EXPORT_ROW = EXPORT_JOB = "export"
EXPORT_JOBS = {EXPORT_JOB: N_("Export")}

EXPORT_OF_VISITS, EXPORT_OF_DAYS = "visits", "days"
NARROWING_FIELDS = ("community_id", "who", "evidence", "network", "own", "place")
"""Fields of the export form that are hidden until one is set."""

declare_texts(place=N_("Location"))


def _export_form(values: dict[str, Any]) -> Form[Body]:
    """The export form. Invalid choices are replaced with the defaults."""
    form = filter_form(values)
    form.values["what"] = EXPORT_OF_DAYS if values.get("what") == EXPORT_OF_DAYS else EXPORT_OF_VISITS
    return form


class ExportRow(ServerRow):
    template = "exports/server.html"
    after = "data"
    rank = 1
    endpoint = "panel_exports.export"
    is_for_admins = True

    def form(self, form: Form[Any]) -> Form[Any]:
        return _export_form(request.args.to_dict())

    def read(self, form: Form[Any] | None) -> dict[str, Any]:
        if form is None:
            return {}
        return {
            "is_narrowed": any(form.values[name] or name in form.errors for name in NARROWING_FIELDS),
            "communities": choices(form.values["community_id"]),
            "facts": facts(),
        }


EXPORT_ROWS = {EXPORT_ROW: ExportRow()}


@bp.post("/server/export")
def export() -> Response:
    """Export visits or daily sums as a file."""
    form = _export_form(request.form.to_dict())
    what = form.values["what"]
    try:
        pieces = _pieces(form.values, what)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show_row(EXPORT_ROW, form)
    return download(pieces, f"{what}-{current().clock.today()}.csv", MIMETYPE, while_admin())


def _pieces(values: dict[str, str], what: str) -> Iterator[str]:
    """Yield the pieces of the file. Raises InvalidInput."""
    visits, jobs = current()[VisitList], current()[RunningJobs]
    which = VisitFilter(**{name: values[name] for name in VisitFilter._fields})
    if what == EXPORT_OF_DAYS:
        return visits.export_days(me(), which)
    return visits.export(me(), which, jobs.reported(EXPORT_JOB))
