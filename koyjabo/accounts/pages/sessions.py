"""The forms of /account that end the user's own sessions."""

from __future__ import annotations

from flask import Response, url_for
from flask_babel import gettext as _

from koyjabo.accounts.login_sessions import Session
from koyjabo.accounts.services import AccountServices
from koyjabo.core.identity import Login
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Question, confirm
from koyjabo.webkit.i18n import count, place
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done


@bp.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    login, sessions = page_login.require_login(), current()[AccountServices].sessions
    found = sessions.get(login, session_id)
    confirm(_end(found))
    sessions.end(login, session_id)
    return done("session_ended", "pages.account", session_name(found))


@bp.post("/account/sessions/end")
def end_other_sessions() -> Response:
    login = page_login.require_login()
    confirm(_end_others(login))
    current()[AccountServices].sessions.end_others(login)
    return done("sessions_ended", "pages.account")


def session_name(session: Session) -> str:
    name, system = session.browser
    if name and system:
        return str(_("%(browser)s on %(system)s", browser=name, system=system))
    return name or system or str(_("Unknown browser"))


def _end(session: Session) -> Question:
    title = _("End the session: %(name)s?", name=session_name(session))
    effects = [_("It ends at once. To go on there, you have to log in again.")]
    if session.place:
        effects.append(_("Place: %(place)s", place=place(session.place)))
    if session.is_current:
        effects.append(_("This is the session that you are using."))
    return Question(title, tuple(effects), _("End session"), url_for("pages.account"))


def _end_others(login: Login) -> Question:
    others = current()[AccountServices].sessions.page(login, count=1).total - 1
    effects = (
        _("You will have to log in again everywhere else."),
        _("Sessions that end: %(count)s", count=count(others)),
    )
    return Question(_("End all other sessions?"), effects, _("End all other sessions"), url_for("pages.account"))
