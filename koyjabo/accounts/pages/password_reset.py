"""The pages of who has forgotten a password: asking for a mail, and choosing a new password by its link."""

from __future__ import annotations

from flask import Response, make_response, render_template

from koyjabo.accounts.login.requests import PasswordResetBody
from koyjabo.accounts.pages.form_fields import NewPasswordBody
from koyjabo.accounts.services import AccountServices
from koyjabo.core.credential_rules import email_key
from koyjabo.core.errors import UnknownLink
from koyjabo.mail.contents import TAKEOVER
from koyjabo.mail.outbox import Outbox
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.i18n import language
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import page_login, tokens
from koyjabo.webkit.pages.flash import done


@bp.get("/forgot-password")
def forgot_password() -> Response:
    return _ask(Form(PasswordResetBody))


@bp.post("/forgot-password")
def do_forgot_password() -> Response:
    """Leads to the same page for every email."""
    page_login.check_origin()
    form = Form(PasswordResetBody)
    body = form.read()
    if body is None:
        return _ask(form, 422)
    rate_limits.count_reset()
    tokens.record_request_place()
    current()[AccountServices].email_links.request_reset(body.email, language())
    return done("reset_requested", "pages.log_in")


@bp.get("/reset-password/<token>")
def reset_password(token: str) -> Response:
    """Changes nothing: programs that check mails open their links."""
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
        new = current()[AccountServices].email_links.reset_password(token, body.new_password, rate_limits.client())
    except UnknownLink as error:
        return _reset(None, 404, error)
    rate_limits.remember_login(email_key(new.email), new.browser_mark)
    return tokens.without_cookies(done("password_reset", "pages.log_in"))


def _ask(form: Form[PasswordResetBody], status: int = 200) -> Response:
    page = render_template("account/forgot_password.html", form=form, is_on=current()[Outbox].is_on)
    return make_response(page, status)


def _reset(
    form: Form[NewPasswordBody] | None, status: int = 200, problem: UnknownLink | None = None, is_takeover: bool = False
) -> Response:
    page = render_template(
        "account/reset_password.html", form=form, problem=problem, warning=TAKEOVER if is_takeover else ""
    )
    return secret(make_response(page, status))


def secret(page: Response) -> Response:
    """For a page whose address is a secret, as `response_headers.SECRET_PATHS` are."""
    page.headers["Cache-Control"] = "no-store"
    return page
