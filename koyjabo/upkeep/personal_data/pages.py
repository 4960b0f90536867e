"""/account and its subpages: the user's account, sessions, communities and password, and the account's deletion."""

from functools import partial
from typing import Any

from flask import Response, make_response, render_template

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import KoyJaboError, LastAdmin, WrongCredentials
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.anonymity import Anonymity
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import PasswordBody
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import browser_name, language
from koyjabo.web.login import page_login, tokens
from koyjabo.web.pages import pagination
from koyjabo.web.pages.flash import done
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Typed
from .personal_data import PersonalData

bp = pages_blueprint("personal_data")


class DeletionBody(Body):
    """The form for deleting the account. `confirmation` is the account's email, typed by the user."""

    confirmation: Typed


@bp.get("/account")
def account() -> Response:
    return _show_account(Form(PasswordBody))


@bp.post("/account/password")
def change_password() -> Response:
    """Change the password, and end all other sessions."""
    form = Form(PasswordBody)
    login, body = page_login.require_login(), form.read()
    if body is None:
        return _show_account(form, 422)
    try:
        authentication.change_password(login, body)
    except WrongCredentials as error:
        form.errors["current_password"] = str(error)
        return _show_account(form, 422)
    return done(N_("Your password was changed. You are logged out everywhere else."), "pages_personal_data.account")


@bp.get("/account/delete")
def ask_deletion() -> Response:
    return _show_deletion(page_login.require(), Form(DeletionBody))


@bp.post("/account/delete")
def delete_account() -> Response:
    login, form = page_login.require_login(), Form(DeletionBody)
    body = form.read()
    try:
        with authentication.errors_in(form):
            if body is not None and email_key(body.confirmation) != email_key(login.account.email):
                form.errors["confirmation"] = N_("must be the email of your account")
            elif body is not None:
                authentication.require_proof()
                current()[PersonalData].delete(login.account)
                return tokens.without_cookies(done(N_("Your account was deleted."), "pages_home.index"))
    except LastAdmin as error:
        return _show_deletion(login.account, form, 409, error)
    return _show_deletion(login.account, form, 422)


def _show_deletion(
    account: Account, form: Form[DeletionBody], status: int = 200, problem: KoyJaboError | None = None
) -> Response:
    page = render_template(
        "personal_data/delete.html",
        account=account,
        form=form,
        only_admin_of=current()[PersonalData].only_admin_of(account, language()),
        problem=problem,
    )
    return make_response(page, status)


def _show_account(form: Form[Any], status: int = 200) -> Response:
    login = page_login.require_login()
    account, sessions = login.account, current()[AccountServices].sessions
    newest, own = sessions.page(login), sessions.get(login, login.session_id)
    community_page = pagination.list_page(
        partial(current()[CommunityServices].directory.own, account), "pages_personal_data.account"
    )
    values = {
        "account": account,
        "form": form,
        "community_page": community_page,
        "sessions": [own, *(session for session in newest.items if session.id != own.id)],
        "session_count": newest.total,
        "browser_name": browser_name,
        "invitations": current()[AccountServices].received.page(account),
        "is_verified": current()[AccountServices].email_links.is_verified(account),
        "sends_mails": current()[MailOutbox].is_on,
        "second_factor": current()[AccountServices].enrolment.state(account),
        "honours_signals": current()[Anonymity].honours_headers(),
    }
    return make_response(render_template("personal_data/account.html", **values), status)
