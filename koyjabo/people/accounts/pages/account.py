"""Forms on /account: name and email, emails to receive, and ending the user's own sessions. Pages for emailed links:
choosing a new password after forgetting the old one, and confirming an email.
"""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import EmailTaken, WrongCode, WrongCredentials
from koyjabo.base.core.identity import Account, Login
from koyjabo.people.accounts.errors import UnknownLink
from koyjabo.people.accounts.login import authentication, login_limits
from koyjabo.people.accounts.login.schemas import PasswordResetBody, ProfileBody
from koyjabo.people.accounts.login_session_queries import SessionLine
from koyjabo.people.accounts.pages.form_fields import NewPasswordBody
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.mail.contents import TAKEOVER
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.blueprints import pages as bp
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import no_store
from koyjabo.web.i18n import browser_name, count, language, place
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login, tokens
from koyjabo.web.pages.flash import done

declare(bp, "/reset-password/", PathPolicy.SECRET)


@bp.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    login, sessions = page_login.require_login(), current()[AccountServices].sessions
    session = sessions.get(login, session_id)
    confirm(_end(session, session.id == login.session_id))
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
    needs_code = current()[AccountServices].second_factors.state(account).totp_ms is not None
    page = render_template("accounts/details.html", account=account, form=form, needs_code=needs_code)
    return make_response(page, status)


def _end(session: SessionLine, is_current: bool) -> Confirmation:
    title = _("Revoke the session: %(name)s?", name=browser_name(session.browser))
    effects = [_("It ends at once. To continue there, you have to log in again.")]
    if session.place:
        effects.append(_("Location: %(place)s", place=place(session.place)))
    if is_current:
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


@bp.get("/forgot-password")
def forgot_password() -> Response:
    return _ask(Form(PasswordResetBody))


@bp.post("/forgot-password")
def do_forgot_password() -> Response:
    """Email a link. Redirects to the same page for every email address."""
    page_login.check_origin()
    form = Form(PasswordResetBody)
    body = form.read()
    if body is None:
        return _ask(form, 422)
    limits.count_address("resets")
    tokens.record_request_place()
    current()[AccountServices].email_links.request_reset(body.email, language())
    return done("reset_requested", "pages.log_in")


@bp.get("/reset-password/<token>")
def reset_password(token: str) -> Response:
    """Show the form. Changes nothing, because programs that scan emails open their links."""
    try:
        is_takeover = current()[AccountServices].email_links.check_reset(token)
    except UnknownLink as error:
        return _reset(None, 404, error)
    return _reset(Form(NewPasswordBody), is_takeover=is_takeover)


@bp.post("/reset-password/<token>")
def do_reset_password(token: str) -> Response:
    page_login.check_own_page()
    form = Form(NewPasswordBody)
    body = form.read()
    if body is None:
        return _reset(form, 422)
    tokens.record_request_place()
    try:
        new = current()[AccountServices].email_links.reset_password(token, body.new_password, login_limits.client())
    except UnknownLink as error:
        return _reset(None, 404, error)
    login_limits.remember_login(email_key(new.email), new.browser_mark)
    return tokens.without_cookies(done("password_reset", "pages.log_in"))


@bp.get("/verify-email/<token>")
def verify_email(token: str) -> Response:
    """Show a page with a button: programs that scan emails open their links, and must not confirm anything."""
    page_login.require()
    return no_store(make_response(render_template("accounts/verify_email.html")))


@bp.post("/verify-email/<token>")
def do_verify_email(token: str) -> Response:
    account = page_login.require()
    try:
        current()[AccountServices].email_links.verify(account, token)
    except UnknownLink as error:
        return no_store(make_response(render_template("accounts/verify_email.html", problem=error), 404))
    return done("email_verified", "pages.account")


def _ask(form: Form[PasswordResetBody], status: int = 200) -> Response:
    page = render_template("accounts/forgot_password.html", form=form, is_on=current()[MailOutbox].is_on)
    return make_response(page, status)


def _reset(
    form: Form[NewPasswordBody] | None, status: int = 200, problem: UnknownLink | None = None, is_takeover: bool = False
) -> Response:
    page = render_template(
        "accounts/reset_password.html", form=form, problem=problem, warning=TAKEOVER if is_takeover else ""
    )
    return no_store(make_response(page, status))
