"""Exports and erasure: rows of the page Server, POST /admin/server/export and /admin/server/erasure."""

from collections.abc import Iterator
from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.base.core.errors import InvalidInput, UnknownVisitor
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.spreadsheet import MIMETYPE
from koyjabo.base.jobs.running_jobs import EXPORT, RunningJobs
from koyjabo.communities.ui import choices
from koyjabo.counting.anonymity import Anonymity
from koyjabo.people.accounts.login import authentication
from koyjabo.reports.visits.ui.visit_filters import facts, filter_form
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.site.setting_forms import FORM_ENDPOINTS
from koyjabo.upkeep.retention.erasure import Erasure
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.http.downloads import download
from koyjabo.web.i18n import count
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, my_login, while_admin
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import VisitorId
from .server import FORM_CHOICES, OTHER_FORMS, show

bp = panel_blueprint("data")

EXPORT_ROW, ERASURE_ROW = "export", "erasure"
FORM_ENDPOINTS[EXPORT_ROW], FORM_ENDPOINTS[ERASURE_ROW] = "panel_data.export", "panel_data.erase_visitor"
OTHER_FORMS[EXPORT_ROW] = lambda: _export_form(request.args.to_dict())
OTHER_FORMS[ERASURE_ROW] = lambda: Form(ErasureBody)
FORM_CHOICES[EXPORT_ROW] = lambda form: _export_choices(form)

EXPORT_OF_VISITS, EXPORT_OF_DAYS = "visits", "days"
NARROWING_FIELDS = ("community_id", "who", "evidence", "network", "own", "place")
"""Fields of the export form that are hidden until one is set."""

declare_texts(visitor_id=N_("Visitor ID"), place=N_("Location"))


class ErasureBody(Body):
    """A visitor whose data is to be erased."""

    visitor_id: Annotated[VisitorId, BeforeValidator(str.strip)]


def _export_form(values: dict[str, Any]) -> Form[Body]:
    """The export form. Invalid choices are replaced with the defaults."""
    form = filter_form(values)
    form.values["what"] = EXPORT_OF_DAYS if values.get("what") == EXPORT_OF_DAYS else EXPORT_OF_VISITS
    return form


def _export_choices(form: Form[Body]) -> dict[str, Any]:
    """What the export form offers."""
    return {
        "is_narrowed": any(form.values[name] or name in form.errors for name in NARROWING_FIELDS),
        "communities": choices(form.values["community_id"]),
        "facts": facts(),
    }


@bp.post("/server/export")
def export() -> Response:
    """Export visits or daily sums as a file."""
    form = _export_form(request.form.to_dict())
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
        authentication.confirm_proved(my_login(), _erasure(sum(map(erasure.count, names))))
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
