"""The forms of /account that end the user's own sessions."""

from __future__ import annotations

from flask import Response

from koyjabo.web.current import current
from koyjabo.web.pages import bp
from koyjabo.web.security import page_login
from koyjabo.web.ui.flash import done


@bp.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    current().accounts.sessions.end(page_login.require_login(), session_id)
    return done("session_ended", "pages.account")


@bp.post("/account/sessions/end")
def end_other_sessions() -> Response:
    current().accounts.sessions.end_others(page_login.require_login())
    return done("sessions_ended", "pages.account")
