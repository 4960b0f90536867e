"""/admin/data/…: export visits, recount the ledger, erase a visitor, and change the total."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request
from flask_babel import gettext as _

from koyjabo.core.errors import InvalidInput, TotalWouldFall, UnknownVisitor
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.admin.data_forms import VISITS, export_form, show
from koyjabo.maintenance.jobs import EXPORT
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.panel import questions
from koyjabo.visit_log.file_format import MIMETYPES
from koyjabo.visit_log.services import VisitLogServices
from koyjabo.visit_log.visit_log import Filter
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.form_fields import ErasureBody, TotalBody
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
        confirm(questions.erasure(sum(map(erasure.count, (body.visitor_id, *hashes)))))
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
        confirm(questions.new_total(body, total.preview(me(), body.total, body.new_epoch)))
        total.set_total(me(), body.total, body.reason, body.new_epoch)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show(422, total=form)
    except TotalWouldFall:
        form.errors["new_epoch"] = _("This would lower the total. Tick this box to allow it.")
        return show(409, total=form)
    return done("total_set", "admin.data")
