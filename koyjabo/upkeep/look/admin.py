"""The mark, as a part of the row *Name* of the page Server, and POST /admin/server/mark."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.login import authentication
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.body_sizes import takes_file
from koyjabo.web.i18n import translated
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow, show_row
from koyjabo.web.schemas.bodies import Body
from .mark import LARGE_MARK, MAX_MARK_BYTES, mark_of
from .site_marks import SiteMarks

bp = panel_blueprint("mark")

MARK_ROW = "mark"


class MarkRow(ServerRow):
    template = "look/server.html"
    after = "name"
    endpoint = "panel_mark.change_mark"

    def read(self, form: Form[Any] | None) -> Mapping[str, Any]:
        return {
            "problem": current()[SiteMarks].problem,
            "max_bytes": MAX_MARK_BYTES,
            "large_mark": translated(LARGE_MARK),
        }


MARK_ROWS = {MARK_ROW: MarkRow()}


@bp.post("/server/mark")
@takes_file
def change_mark() -> Response:
    """Store the mark in the file, or remove it. If it cannot be used, the page is shown again with its form."""
    form, sent = Form(Body), request.files.get("mark")
    with authentication.errors_in(form):
        content = sent.read(MAX_MARK_BYTES + 1) if sent else b""
        current()[SiteMarks].change(me(), None if "remove" in request.form else mark_of(content))
    if form.errors:
        return show_row(MARK_ROW, form)
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=MARK_ROW)
