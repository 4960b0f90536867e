"""/admin/data/…: export visits, recount the ledger, erase a visitor, and change the total."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.core.errors import InvalidInput, TotalWouldFall, UnknownVisitor
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.admin.data_forms import VISITS, ErasureBody, TotalBody, export_form, show
from koyjabo.maintenance.jobs import EXPORT
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.maintenance.total import Preview
from koyjabo.visit_log.file_format import MIMETYPES
from koyjabo.visit_log.services import VisitLogServices
from koyjabo.visit_log.visit_log import Filter
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Question, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.i18n import count
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me, while_admin


@bp.post("/data/export")
def export() -> Response:
    """Visits, or daily sums, as a file, which is streamed."""
    form = export_form(request.form.to_dict())
    what, kind = form.values["what"], form.values["kind"]
    try:
        pieces = _pieces(form.values, what, kind)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show(422, export=form)
    return download(pieces, f"{what}-{current().clock.today()}.{kind}", MIMETYPES[kind], while_admin())


def _pieces(values: dict[str, str], what: str, kind: str) -> Iterator[str]:
    """Raises InvalidInput."""
    log, jobs = current()[VisitLogServices].log, current()[MaintenanceServices].jobs
    which = Filter(**{name: values[name] for name in Filter._fields})
    return (
        log.export(me(), which, kind, jobs.reported(EXPORT)) if what == VISITS else log.export_days(me(), which, kind)
    )


@bp.post("/data/recount")
def recount() -> Response:
    current()[MaintenanceServices].recounts.begin(me())
    return done("recounting", "admin.data")


@bp.post("/data/erasure")
def erase_visitor() -> Response:
    form = Form(ErasureBody)
    body = form.read()
    if body is None:
        return show(422, erasure=form)
    erasure, hashes = (
        current()[MaintenanceServices].erasure,
        current()[CountingServices].anonymity.names(body.visitor_id),
    )
    try:
        if not any(map(erasure.is_known, (body.visitor_id, *hashes))):
            raise UnknownVisitor
        confirm(_erasure(sum(map(erasure.count, (body.visitor_id, *hashes)))))
        erasure.begin(me(), body.visitor_id, hashes)
    except UnknownVisitor:
        form.errors["visitor_id"] = _("No visitor has this ID. It is in the list of visits, beside each visit.")
        return show(422, erasure=form)
    return done("erasing", "admin.data")


@bp.post("/data/total")
def set_total() -> Response:
    form = Form(TotalBody, flags=("new_epoch",))
    body = form.read()
    if body is None:
        return show(422, total=form)
    total = current()[MaintenanceServices].total
    try:
        confirm(_new_total(body, total.preview(me(), body.total, body.new_epoch)))
        total.set_total(me(), body.total, body.reason, body.new_epoch)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show(422, total=form)
    except TotalWouldFall:
        form.errors["new_epoch"] = _("This would lower the total. Tick this box to allow it.")
        return show(409, total=form)
    return done("total_set", "admin.data")


def _new_total(body: TotalBody, preview: Preview) -> Question:
    before, after = preview.totals
    if after < before:
        effect = _("The total falls, and a new count starts: all open pages show the lower number at once.")
    elif body.new_epoch:
        effect = _("A new count starts. All open pages show the new number at once.")
    else:
        effect = _("All open pages show the new number at once. Only a new count can make it lower again.")
    return Question(
        _("Change the total to %(total)s?", total=count(after)),
        (effect, _("Reason: %(reason)s", reason=body.reason)),
        _("Change the total"),
        url_for("admin.data"),
        typed=count(after),
        figures=(
            (_("Now"), count(before)),
            (_("After"), count(after)),
            (_("Difference"), f"{'+' if after > before else ''}{count(after - before)}"),
        ),
        version=preview.version,
    )


def _erasure(visits: int) -> Question:
    effects = (
        _("This visitor's visits are summed up, and what identifies the visitor is deleted. All totals stay the same."),
        _("This cannot be undone. A later visit from the same browser counts as a new visitor."),
    )
    figures = ((_("Visits"), count(visits)),)
    return Question(_("Erase this visitor?"), effects, _("Erase"), url_for("admin.data"), figures=figures)
