"""POST /admin/server/export and /admin/server/erasure."""

from collections.abc import Iterator

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import InvalidInput, UnknownVisitor
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.spreadsheet import MIMETYPE
from koyjabo.base.jobs.running_jobs import EXPORT, RunningJobs
from koyjabo.counting.anonymity import Anonymity
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.site.setting_forms import FORM_ENDPOINTS
from koyjabo.upkeep.retention.erasure import Erasure
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.downloads import download
from koyjabo.web.i18n import count
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, while_admin
from .data_forms import ERASURE_ROW, EXPORT_OF_DAYS, EXPORT_ROW, ErasureBody, export_form
from .server import show

bp = panel_blueprint("data")

FORM_ENDPOINTS[EXPORT_ROW], FORM_ENDPOINTS[ERASURE_ROW] = "panel_data.export", "panel_data.erase_visitor"


@bp.post("/server/export")
def export() -> Response:
    """Export visits or daily sums as a file."""
    form = export_form(request.form.to_dict())
    what = form.values["what"]
    try:
        pieces = _pieces(form.values, what)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show(422, form, EXPORT_ROW)
    return download(pieces, f"{what}-{current().clock.today()}.csv", MIMETYPE, while_admin())


def _pieces(values: dict[str, str], what: str) -> Iterator[str]:
    """Yield the pieces of the file. Raises InvalidInput."""
    visits, jobs = current()[VisitList], current()[RunningJobs]
    which = VisitFilter(**{name: values[name] for name in VisitFilter._fields})
    if what == EXPORT_OF_DAYS:
        return visits.export_days(me(), which)
    return visits.export(me(), which, jobs.reported(EXPORT))


@bp.post("/server/erasure")
def erase_visitor() -> Response:
    form = Form(ErasureBody)
    body = form.read()
    if body is None:
        return show(422, form, ERASURE_ROW)
    erasure, hashes = current()[Erasure], current()[Anonymity].names(body.visitor_id)
    names = (body.visitor_id, *hashes)
    try:
        if not any(map(erasure.is_known, names)):
            raise UnknownVisitor
        confirm(_erasure(sum(map(erasure.count, names))))
        erasure.begin(me(), body.visitor_id, hashes)
    except UnknownVisitor:
        form.errors["visitor_id"] = _("No visitor has this ID. The list of visits shows each visitor's ID.")
        return show(422, form, ERASURE_ROW)
    return done(N_("Erasing has started. This page shows its progress."), "panel_server.server")


def _erasure(visits: int) -> Confirmation:
    effects = (
        _("Their visits stay and count, but can no longer be linked to this visitor. All totals stay the same."),
        _("This cannot be undone. A later visit from the same browser counts as a new visitor."),
    )
    figures = ((_("Visits"), count(visits)),)
    return Confirmation(_("Erase this visitor?"), effects, _("Erase"), url_for("panel_server.server"), figures=figures)
