"""Forms on /account: name and email, emails to receive, and ending the user's own sessions."""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.accounts.login import authentication
from koyjabo.accounts.login.schemas import ProfileBody
from koyjabo.accounts.login_sessions import Session
from koyjabo.accounts.second_factor.services import SecondFactorServices
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import EmailTaken, WrongCode, WrongCredentials
from koyjabo.core.identity import Account, Login
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.i18n import browser_name, count, place
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done


@bp.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    login, sessions = page_login.require_login(), current()[AccountServices].sessions
    session = sessions.get(login, session_id)
    confirm(_end(session))
    sessions.end(login, session_id)
    return done("session_ended", "pages.account", browser_name(session.browser))


@bp.post("/account/sessions/end")
def end_other_sessions() -> Response:
    login = page_login.require_login()
    confirm(_end_others(login))
    current()[AccountServices].sessions.end_others(login)
    return done("sessions_ended", "pages.account")


@bp.get("/account/details")
def account_details() -> Response:
    account = page_login.require()
    return _show_details(account, Form(ProfileBody, {"name": account.name, "email": account.email}))


@bp.post("/account/details")
def change_details() -> Response:
    login, form = page_login.require_login(), Form(ProfileBody)
    body = form.read()
    if body is not None:
        try:
            authentication.change_profile(login, body)
            return done("saved", "pages.account")
        except WrongCredentials as error:
            form.errors["password"] = str(error)
        except WrongCode as error:
            form.errors["code"] = error.sentence
        except EmailTaken as error:
            form.errors["email"] = error.sentence
    return _show_details(login.account, form, 422)


@bp.post("/account/verify-email")
def send_verification() -> Response:
    account = page_login.require()
    limits.count_address("resets")
    is_sent = current()[AccountServices].email_links.request_verification(account)
    return done("verification_sent" if is_sent else "mails_used_up", "pages.account")


@bp.post("/account/mails")
def choose_mails() -> Response:
    account = page_login.require()
    choices = {name: name in request.form for name in ("weekly_report", "traffic_alerts")}
    current()[AccountServices].email_links.choose_mails(account, **choices)
    return done("saved", "pages.account")


def _show_details(account: Account, form: Form[ProfileBody], status: int = 200) -> Response:
    needs_code = current()[SecondFactorServices].second_factors.state(account).totp_ms is not None
    page = render_template("accounts/details.html", account=account, form=form, needs_code=needs_code)
    return make_response(page, status)


def _end(session: Session) -> Confirmation:
    title = _("Revoke the session: %(name)s?", name=browser_name(session.browser))
    effects = [_("It ends at once. To continue there, you have to log in again.")]
    if session.place:
        effects.append(_("Location: %(place)s", place=place(session.place)))
    if session.is_current:
        effects.append(_("This is the session that you are using."))
    return Confirmation(title, tuple(effects), _("Revoke session"), url_for("pages.account"))


def _end_others(login: Login) -> Confirmation:
    others = current()[AccountServices].sessions.page(login, count=1).total - 1
    effects = (
        _("You will have to log in again everywhere else."),
        _("Open sessions: %(count)s", count=count(others)),
    )
    label = _("Revoke all other sessions")
    return Confirmation(_("Revoke all other sessions?"), effects, label, url_for("pages.account"))
