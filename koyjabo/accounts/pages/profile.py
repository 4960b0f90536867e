"""/account: the user's own account, password, sessions and communities."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template

from koyjabo.accounts.login import log_in
from koyjabo.accounts.login.requests import PasswordBody
from koyjabo.accounts.pages.sessions import session_name
from koyjabo.accounts.services import AccountServices
from koyjabo.communities.services import CommunityServices
from koyjabo.core.errors import WrongCredentials
from koyjabo.counting.services import CountingServices
from koyjabo.mail.outbox import Outbox
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.flash import done


@bp.get("/account")
def account() -> Response:
    return _show(Form(PasswordBody))


@bp.post("/account/password")
def change_password() -> Response:
    """Ends all other sessions."""
    form = Form(PasswordBody)
    login, body = page_login.require_login(), form.read()
    if body is None:
        return _show(form, 422)
    try:
        log_in.change_password(login, body)
    except WrongCredentials as error:
        form.errors["current_password"] = str(error)
        return _show(form, 422)
    return done("password_changed", "pages.account")


def _show(form: Form[PasswordBody], status: int = 200) -> Response:
    login = page_login.require_login()
    account, sessions = login.account, current()[AccountServices].sessions.page(login)
    found = pagination.list_page(partial(current()[CommunityServices].directory.own, account), "pages.account")
    values = {
        "account": account,
        "form": form,
        "found": found,
        "sessions": sessions,
        "session_name": session_name,
        "invitations": current()[CommunityServices].invitations.page(account),
        "email": current()[AccountServices].email_links.state(account),
        "sends_mails": current()[Outbox].is_on,
        "second_factor": current()[AccountServices].second_factors.state(account),
        "honours_signals": current()[CountingServices].anonymity.honours_headers,
    }
    return make_response(render_template("account/account.html", **values), status)
