"""/account: the user's own account, password, sessions and communities."""

from __future__ import annotations

from functools import partial

from flask import Response, make_response, render_template

from koyjabo.errors import WrongCredentials
from koyjabo.web.api.account_requests import PasswordBody
from koyjabo.web.current import current
from koyjabo.web.pages import bp
from koyjabo.web.pages.sessions import session_name
from koyjabo.web.security import log_in, page_login
from koyjabo.web.ui import pagination
from koyjabo.web.ui.flash import done
from koyjabo.web.ui.forms import Form


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
    account, sessions = login.account, current().accounts.sessions.page(login)
    found = pagination.list_page(partial(current().communities.directory.own, account), "pages.account")
    values = {
        "account": account,
        "form": form,
        "found": found,
        "sessions": sessions,
        "session_name": session_name,
        "invitations": current().communities.invitations.page(account),
        "email": current().accounts.email_links.state(account),
        "sends_mails": current().mail.is_on,
        "second_factor": current().accounts.second_factors.state(account),
        "honours_signals": current().counting.anonymity.honours_headers,
    }
    return make_response(render_template("account/account.html", **values), status)
