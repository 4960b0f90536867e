"""Pages for emailed links: choosing a new password after forgetting the old one, and confirming an email."""

from __future__ import annotations

from flask import Response, make_response, render_template

from koyjabo.accounts.errors import UnknownLink
from koyjabo.accounts.login import login_limits
from koyjabo.accounts.login.schemas import PasswordResetBody
from koyjabo.accounts.pages.form_fields import NewPasswordBody
from koyjabo.accounts.services import AccountServices
from koyjabo.core.credential_rules import email_key
from koyjabo.mail.contents import TAKEOVER
from koyjabo.mail.outbox import MailOutbox
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.http.responses import no_store
from koyjabo.webkit.i18n import language
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login, tokens
from koyjabo.webkit.pages.flash import done


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
