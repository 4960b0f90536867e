"""GET /admin/data: exports, imports, backups, retention, erasure, recount, and the total."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import lazy_gettext as _

from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.jobs import ERASURE, EXPORT
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.visit_log.admin.visits import choices, filter_form
from koyjabo.visit_log.file_format import CSV, JSON_LINES
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.panel.form_fields import ErasureBody, TotalBody
from koyjabo.webkit.panel.pages import me, page
from koyjabo.webkit.schemas.bodies import Body

VISITS, DAYS = "visits", "days"
JOBS = {EXPORT: _("Export"), ERASURE: _("Erasing a visitor")}


@bp.get("/data")
def data() -> Response:
    return show()


def show(
    status: int = 200,
    export: Form[Body] | None = None,
    total: Form[TotalBody] | None = None,
    erasure: Form[ErasureBody] | None = None,
) -> Response:
    """The page, with the errors of one of its forms if there are any."""
    export = export or export_form(request.args.to_dict())
    return page(
        "data",
        status,
        data=current()[MaintenanceServices].system.data(me()),
        total_now=current()[CountingServices].visits.stats().total,
        export=export,
        communities=choices(export),
        total=total or Form(TotalBody),
        erasure=erasure or Form(ErasureBody),
        jobs=JOBS,
    )


def export_form(values: dict[str, Any]) -> Form[Body]:
    """Invalid choices are replaced by the defaults."""
    form = filter_form(values)
    form.values["what"] = DAYS if values.get("what") == DAYS else VISITS
    form.values["kind"] = JSON_LINES if values.get("kind") == JSON_LINES else CSV
    return form
