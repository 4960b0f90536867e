"""/admin/system/…: recount the ledger, and change the total."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from koyjabo.errors import InvalidInput, TotalWouldFall
from koyjabo.web.admin import bp, questions
from koyjabo.web.admin.form_fields import TotalBody
from koyjabo.web.admin.pages import me
from koyjabo.web.admin.system import show
from koyjabo.web.current import current
from koyjabo.web.ui.flash import done
from koyjabo.web.ui.forms import Form
from koyjabo.web.ui.questions import confirm


@bp.post("/system/recount")
def recount() -> Response:
    current().maintenance.recounts.begin(me())
    return done("recounting", "admin.system")


@bp.post("/system/total")
def set_total() -> Response:
    form = Form(TotalBody, flags=("new_epoch",))
    body = form.read()
    if body is None:
        return show(422, form)
    total = current().maintenance.total
    try:
        confirm(questions.new_total(body, total.preview(me(), body.total, body.new_epoch)))
        total.set_total(me(), body.total, body.reason, body.new_epoch)
    except InvalidInput as error:
        form.errors.update(error.details)
        return show(422, form)
    except TotalWouldFall:
        form.errors["new_epoch"] = _("This would lower the total. Tick this box to allow it.")
        return show(409, form)
    return done("total_set", "admin.system")
