"""The user's email: the page of the link that confirms it, and the choices about mails."""

from __future__ import annotations

from flask import Response, make_response, render_template, request

from koyjabo.accounts.pages.password_reset import secret
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import UnknownLink
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done


@bp.get("/verify-email/<token>")
def verify_email(token: str) -> Response:
    """A page with a button: programs that check mails open their links, and must not confirm anything."""
    page_login.require()
    return secret(make_response(render_template("account/verify_email.html")))


@bp.post("/verify-email/<token>")
def do_verify_email(token: str) -> Response:
    account = page_login.require()
    try:
        current()[AccountServices].email_links.verify(account, token)
    except UnknownLink as error:
        return secret(make_response(render_template("account/verify_email.html", problem=error), 404))
    return done("email_verified", "pages.account")


@bp.post("/account/verify-email")
def send_verification() -> Response:
    account = page_login.require()
    rate_limits.count_reset()
    is_sent = current()[AccountServices].email_links.request_verification(account)
    return done("verification_sent" if is_sent else "mails_used_up", "pages.account")


@bp.post("/account/weekly-report")
def choose_weekly_report() -> Response:
    account = page_login.require()
    wants = "weekly_report" in request.form
    current()[AccountServices].email_links.want_weekly_report(account, wants)
    return done("saved", "pages.account")
