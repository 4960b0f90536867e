"""GET /admin/data: exports, imports, backups, retention, erasure, recount, and the total."""

from __future__ import annotations

import re
from typing import Annotated, Any

from flask import Response, request
from flask_babel import lazy_gettext as _
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.core.i18n import N_
from koyjabo.core.sanitize import whole
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.jobs import ERASURE, EXPORT
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.visit_log.admin.visits import choices, filter_form
from koyjabo.visit_log.file_format import CSV, JSON_LINES
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import VisitorId

VISITS, DAYS = "visits", "days"
JOBS = {EXPORT: _("Export"), ERASURE: _("Erasing a visitor")}

LONGEST_REASON = 200
NUMBER = re.compile(r"\s*(\d{1,18}|\d{1,3}(,\d{2,3})*,\d{3})\s*")
REASON_LENGTH = N_("must have 1 to 200 characters and not only spaces")


def _number(value: Any) -> int:
    """As pages write numbers: with any script of digits, and grouped or not."""
    if not NUMBER.fullmatch(str(value)):
        raise PydanticCustomError("unusable", N_("must be a whole number"))
    return int(str(value).replace(",", ""))


def _reason(value: Any) -> str:
    reason = whole(str(value)).strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise PydanticCustomError("unusable", REASON_LENGTH)
    return reason


class ErasureBody(Body):
    """A visitor whose data is to be erased."""

    visitor_id: Annotated[VisitorId, BeforeValidator(str.strip)]


class TotalBody(Body):
    """The total, set by hand."""

    total: Annotated[int, BeforeValidator(_number)]
    reason: Annotated[str, BeforeValidator(_reason)]
    new_epoch: bool = False


@bp.get("/data")
@for_viewers
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
        "maintenance/data",
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
