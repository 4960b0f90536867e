"""A clock in doubt, on the page Server, and POST /admin/server/clock."""

from typing import Any

from flask import Response, request

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.counting.clock_watch import CLOCK_ANSWER, RIGHT_CLOCK, VISITS_ANSWER
from koyjabo.people.accounts.login import authentication
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow, show_row
from koyjabo.web.schemas.bodies import Body
from .clock_answers import ClockAnswers

bp = panel_blueprint("clock")

CLOCK_ROW = "clock"


class ClockRow(ServerRow):
    endpoint = "panel_clock.answer_clock"
    asks_proof = True


CLOCK_ROWS = {CLOCK_ROW: ClockRow()}


def _reading() -> dict[str, Any]:
    """`reading` is set if the clock is in doubt or wrong, or an answer can be undone."""
    answers = current()[ClockAnswers]
    try:
        has_clock = answers.reading.verdict != RIGHT_CLOCK or answers.has_earlier()
    except LedgerUnavailable:
        return {}
    return {"reading": answers.reading if has_clock else None}


CLOCK_PARTS = {"clock/server.html": PagePart("server", _reading, rank=1)}


@bp.post("/server/clock")
def answer_clock() -> Response:
    """Say whether the clock or the visits are right. Without a proof, the page is shown again with its form."""
    form = Form(Body)
    with authentication.errors_in(form):
        authentication.require_proof()
        current()[ClockAnswers].answer(me(), VISITS_ANSWER if "visits" in request.form else CLOCK_ANSWER)
    if form.errors:
        return show_row(CLOCK_ROW, form)
    return done(N_("Saved. It applies now."), "panel_server.server", _anchor=CLOCK_ROW)
