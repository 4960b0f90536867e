"""The erasure of a visitor, as a row of the page Server, and POST /admin/server/erasure."""

from typing import Annotated, Any

from flask import Response, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.base.core.errors import UnknownVisitor
from koyjabo.base.core.i18n import N_
from koyjabo.counting.anonymity import Anonymity
from koyjabo.people.accounts.login import authentication
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.i18n import count
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow, show_row
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import VisitorId
from .erasure import Erasure

bp = panel_blueprint("erasure")

ERASURE_ROW = "erasure"

declare_texts(visitor_id=N_("Visitor ID"))


class ErasureBody(Body):
    """A visitor whose data is to be erased."""

    visitor_id: Annotated[VisitorId, BeforeValidator(str.strip)]


class ErasureRow(ServerRow):
    template = "erasure/server.html"
    after = "data"
    rank = 2
    endpoint = "panel_erasure.erase_visitor"
    is_for_admins = True

    def form(self, form: Form[Any]) -> Form[Any]:
        return Form(ErasureBody)


ERASURE_ROWS = {ERASURE_ROW: ErasureRow()}


@bp.post("/server/erasure")
def erase_visitor() -> Response:
    form = Form(ErasureBody)
    body = form.read()
    if body is None:
        return show_row(ERASURE_ROW, form)
    erasure, hashes = current()[Erasure], current()[Anonymity].names(body.visitor_id)
    names = (body.visitor_id, *hashes)
    try:
        if not any(map(erasure.is_known, names)):
            raise UnknownVisitor
        authentication.confirm_proved(_erasure(sum(map(erasure.count, names))))
        erasure.begin(me(), body.visitor_id, hashes)
    except UnknownVisitor:
        form.errors["visitor_id"] = _("No visitor has this ID. The list of visits shows each visitor's ID.")
        return show_row(ERASURE_ROW, form)
    return done(N_("Erasing has started. This page shows its progress."), "panel_server.server")


def _erasure(visits: int) -> Confirmation:
    effects = (
        _("Their visits stay and count, but can no longer be linked to this visitor. All totals stay the same."),
        _("This cannot be undone. A later visit from the same browser counts as a new visitor."),
    )
    figures = ((_("Visits"), count(visits)),)
    return Confirmation(_("Erase this visitor?"), effects, _("Erase"), url_for("panel_server.server"), figures=figures)
