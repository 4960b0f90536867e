"""Forms on /account: name and email, emails to receive, and ending the user's own sessions. Pages for emailed links:
choosing a new password after forgetting the old one, and confirming an email.
"""

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.email_links import NO_INBOX_TEXT
from koyjabo.people.accounts.errors import UnknownLink
from koyjabo.people.accounts.grants import browser_mark_of
from koyjabo.people.accounts.login import authentication, login_limits
from koyjabo.people.accounts.login.schemas import PasswordResetBody
from koyjabo.people.accounts.services import account_services
from koyjabo.people.mail.contents import TAKEOVER
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import browser_name, count, language, place
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login, tokens
from koyjabo.web.pages import redirects
from koyjabo.web.pages.flash import done, say
from .form_fields import DetailsBody, NewPasswordBody
from .login import secret_page

bp = pages_blueprint("account")

declare(bp, "/account", PathPolicy.PANEL)
declare(bp, "/reset-password/", PathPolicy.SECRET)


@bp.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    login, sessions = page_login.require_login(), account_services().sessions
    session = sessions.get(login, session_id)
    name = browser_name(session.browser)
    effects = [_("It ends at once. To continue there, you have to log in again.")]
    if session.place:
        effects.append(_("Location: %(place)s", place=place(session.place)))
    if session.id == login.session_id:
        effects.append(_("This is the session that you are using."))
    title, label = _("Revoke the session: %(name)s?", name=name), _("Revoke session")
    confirm(Confirmation(title, tuple(effects), label, url_for("pages_personal_data.account")))
    sessions.end(login, session_id)
    return done(N_("The session was revoked: %(name)s"), "pages_personal_data.account", name)


@bp.post("/account/sessions/end")
def end_other_sessions() -> Response:
    login, sessions = page_login.require_login(), account_services().sessions
    others = sessions.page(login, count=1).total - 1
    effects = (
        _("You will have to log in again everywhere else."),
        _("Open sessions: %(count)s", count=count(others)),
    )
    title, label = _("Revoke all other sessions?"), _("Revoke all other sessions")
    confirm(Confirmation(title, effects, label, url_for("pages_personal_data.account")))
    sessions.end_others(login)
    return done(N_("All other sessions were revoked."), "pages_personal_data.account")


@bp.get("/account/details")
def account_details() -> Response:
    account = page_login.require()
    return _show_details(Form(DetailsBody, {"name": account.name, "email": account.email}))


@bp.post("/account/details")
def change_details() -> Response:
    login, form = page_login.require_login(), Form(DetailsBody)
    body = form.read()
    with authentication.errors_in(form):
        if body is not None:
            authentication.change_details(login, body.name, body.email)
            return say(redirects.back("pages_personal_data.account"), N_("Your changes were saved."))
    return _show_details(form, 422)


@bp.post("/account/presence")
def choose_presence() -> Response:
    account_services().credentials.appear_offline(page_login.require(), "appear_offline" in request.form)
    return say(redirects.back("pages_personal_data.account"), N_("Your changes were saved."))


@bp.post("/account/verify-email")
def send_verification() -> Response:
    account = page_login.require()
    limits.count_address("resets")
    try:
        is_sent = account_services().email_links.request_verification(account)
    except InvalidInput:
        return done(NO_INBOX_TEXT, "pages_account.account_details")
    return say(
        redirects.back("pages_personal_data.account"),
        N_("The email is on its way. It can take a few minutes.")
        if is_sent
        else N_("No email was sent: too many were sent today. Try again tomorrow."),
    )


def _show_details(form: Form[DetailsBody], status: int = 200) -> Response:
    back = redirects.path_back("pages_personal_data.account")
    page = render_template("accounts/details.html", form=form, back=back)
    return make_response(page, status)


@bp.get("/forgot-password")
def forgot_password() -> Response:
    return _ask(Form(PasswordResetBody))


@bp.post("/forgot-password")
def do_forgot_password() -> Response:
    """Email a link. Redirects to the same page for every email address."""
    page_login.check_origin(logs_in=False)
    form = Form(PasswordResetBody)
    body = form.read()
    if body is None:
        return _ask(form, 422)
    limits.count_address("resets")
    tokens.record_request_place()
    account_services().email_links.request_reset(body.email, language())
    return done(
        N_(
            "If there is an account with this email, we have sent it a link. It can take a few minutes; check your "
            "spam folder as well."
        ),
        "pages_login.log_in",
    )


@bp.get("/reset-password/<token>")
def reset_password(token: str) -> Response:
    """Show the form. Changes nothing, because programs that scan emails open their links."""
    try:
        is_takeover = account_services().email_links.check_reset(token)
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
        user = account_services().email_links.reset_password(token, body.new_password, login_limits.client())
    except UnknownLink as error:
        return _reset(None, 404, error)
    login_limits.remember_login(email_key(user.email), browser_mark_of(user))
    return tokens.without_cookies(
        done(
            N_("Your password was changed, and you are logged out everywhere. Log in with the new password."),
            "pages_login.log_in",
        )
    )


@bp.get("/verify-email/<token>")
def verify_email(token: str) -> Response:
    """Show a page with a button: programs that scan emails open their links, and must not confirm anything."""
    page_login.require()
    return secret_page("verify_email")


@bp.post("/verify-email/<token>")
def do_verify_email(token: str) -> Response:
    account = page_login.require()
    try:
        account_services().email_links.verify(account, token)
    except UnknownLink as error:
        return secret_page("verify_email", 404, problem=error)
    return done(N_("Your email is confirmed."), "pages_personal_data.account")


def _ask(form: Form[PasswordResetBody], status: int = 200) -> Response:
    page = render_template("accounts/forgot_password.html", form=form, is_on=current()[MailOutbox].is_on)
    return make_response(page, status)


def _reset(
    form: Form[NewPasswordBody] | None, status: int = 200, problem: UnknownLink | None = None, is_takeover: bool = False
) -> Response:
    warning = TAKEOVER if is_takeover else ""
    return secret_page("reset_password", status, form=form, problem=problem, warning=warning)
