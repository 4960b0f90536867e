"""/receipt, for everyone: the parts that add up to the total, and how it was verified (specification: Receipt). Admins
of the site can recount there, and change the total.
"""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from flask import Response, make_response, render_template, request
from flask_babel import gettext as _
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.base.core.errors import InvalidInput, TotalWouldFall
from koyjabo.base.core.i18n import DIGIT_SEPARATORS, N_
from koyjabo.base.core.sanitize import whole
from koyjabo.upkeep.recounts.recounts import Recounts
from koyjabo.upkeep.recounts.total import Preview, TotalAdjuster
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import count
from koyjabo.web.login import page_login
from koyjabo.web.pages.flash import done, say
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.pages.redirects import back, path_back
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import FirstStep, ServerRow, missing_steps, show_row
from koyjabo.web.schemas.bodies import Body
from .receipts import Receipts

pages, admin = pages_blueprint("receipts"), panel_blueprint("receipts")
declare(pages, "/receipt", PathPolicy.PANEL)

RECEIPT_PAGE = "pages_receipts.receipt"

RECEIPT_PARTS = {
    "receipts/total_link.html": PagePart("total"),
}
TOTAL_STEPS = {"total": FirstStep(3, "receipts/step.html", N_("Continue"))}

MAX_REASON_LENGTH = 200
TYPED_NUMBER = re.compile(rf"\s*(\d{{1,18}}|\d{{1,3}}([{DIGIT_SEPARATORS}])(\d{{2,3}}\2)*\d{{3}})\s*")
REASON_LENGTH = N_("must have 1 to 200 characters and not only spaces")


@pages.get("/receipt")
def receipt() -> Response:
    return show()


def show(status: int = 200, total: Form[Any] | None = None) -> Response:
    """Show the page. People with access to the panel also see names, reasons and the state of the recount; admins of
    the site also see the forms. `total` is a form with errors, if any.
    """
    services, login = current(), page_login.login()
    receipts, account = services[Receipts], login.account if login else None
    if account is None or not account.sees_panel:
        return make_response(render_template("receipts/receipt.html", receipt=receipts.now(), back=_back()), status)
    page = render_template(
        "receipts/receipt.html",
        receipt=receipts.explained(account),
        back=_back(),
        is_explained=True,
        recount=services[Recounts].state(account),
        may_change=account.is_admin,
        total=total or Form(Body),
    )
    return make_response(page, status)


def _back() -> str:
    """The path of this site's page that linked to the receipt; "" if the browser names none."""
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host or page.path == request.path or not page.path.startswith("/"):
        return ""
    return urlunsplit(("", "", "/" + page.path.lstrip("/"), page.query, ""))


def _number(value: Any) -> int:
    """Parse a number written in the digits of any script, with or without separators. A total has no fraction."""
    if not TYPED_NUMBER.fullmatch(str(value)):
        raise PydanticCustomError("unusable", N_("must be a whole number"))
    return int(re.sub(r"\D", "", str(value)))


def _reason(value: Any) -> str:
    reason = whole(str(value)).strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH:
        raise PydanticCustomError("unusable", REASON_LENGTH)
    return reason


declare_texts(total=N_("Total"))


class TotalRow(ServerRow):
    template = "receipts/server.html"
    after = "zone"
    endpoint = "panel_receipts.set_total"

    def read(self, form: Form[Any] | None) -> dict[str, Any]:
        return {"receipt": current()[Receipts].now}


TOTAL_ROWS = {"total": TotalRow()}


class TotalBody(Body):
    """A total to set by hand."""

    total: Annotated[int, BeforeValidator(_number)]
    reason: Annotated[str, BeforeValidator(_reason)]
    new_epoch: bool = False


@admin.post("/receipt/recount")
def recount() -> Response:
    current()[Recounts].begin(me())
    return done(N_("The recount has started."), RECEIPT_PAGE)


@admin.post("/receipt/total")
def set_total() -> Response:
    form = Form(TotalBody, flags=("new_epoch",))
    body = form.read()
    if body is None:
        return _refused(422, form)
    total = current()[TotalAdjuster]
    try:
        preview = total.preview(me(), body.total, body.new_epoch)
        if preview.has_visits:  # otherwise no one has a number yet
            confirm(_new_total(body, preview))
        total.set_total(me(), body.total, body.reason, body.new_epoch)
    except InvalidInput as error:
        form.errors.update(error.details)
        return _refused(422, form)
    except TotalWouldFall:
        form.errors["new_epoch"] = _("This would lower the total. Tick this box to allow it.")
        return _refused(409, form)
    return say(back(RECEIPT_PAGE), N_("The total was changed."))


def _refused(status: int, form: Form[TotalBody]) -> Response:
    """The page with the form: Server, if it was sent from the list there, which still has the step."""
    is_listed = "listed" in request.form and "total" in missing_steps()
    return show_row("total", form, status) if is_listed else show(status, form)


def _new_total(body: TotalBody, preview: Preview) -> Confirmation:
    before, after = preview.totals
    if after < before:
        effect = _("The total falls, and a new count starts: all open pages show the lower number at once.")
    elif body.new_epoch:
        effect = _("A new count starts. All open pages show the new number at once.")
    else:
        effect = _(
            "All open pages show the new number at once. It includes the visits so far. Only a new count can lower it."
        )
    return Confirmation(
        _("Change the total to %(total)s?", total=count(after)),
        (effect, _("Reason: %(reason)s", reason=body.reason)),
        _("Change the total"),
        path_back(RECEIPT_PAGE),
        typed=count(after),
        figures=(
            (_("Now"), count(before)),
            (_("After"), count(after)),
            (_("Difference"), f"{'+' if after > before else ''}{count(after - before)}"),
        ),
        version=preview.version,
    )
