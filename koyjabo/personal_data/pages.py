"""/account/…: change name and email, export the stored data, and delete the account."""

from __future__ import annotations

from flask import Response, make_response, render_template

from koyjabo.accounts.login.requests import ProfileBody
from koyjabo.accounts.login.second_factor_requests import ProofBody
from koyjabo.accounts.services import AccountServices
from koyjabo.core.credential_rules import email_key
from koyjabo.core.errors import EmailTaken, InvalidInput, KoyJaboError, LastAdmin, WrongCode, WrongCredentials
from koyjabo.core.i18n import N_
from koyjabo.core.identity import Account, Login
from koyjabo.personal_data import ui as own_account
from koyjabo.personal_data.services import PersonalDataServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login, tokens
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.schemas.fields import Typed


class DeletionBody(ProofBody):
    """`confirmation` is the email of the account, typed out."""

    confirmation: Typed


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
            own_account.change(login, body)
            return done("saved", "pages.account")
        except WrongCredentials as error:
            form.errors["password"] = str(error)
        except WrongCode as error:
            form.errors["code"] = error.sentence
        except EmailTaken as error:
            form.errors["email"] = error.sentence
    return _show_details(login.account, form, 422)


@bp.get("/account/export")
def export_account() -> Response:
    return own_account.export(page_login.require_login())


@bp.get("/account/delete")
def ask_deletion() -> Response:
    return _show_deletion(page_login.require(), Form(DeletionBody))


@bp.post("/account/delete")
def delete_account() -> Response:
    login, form = page_login.require_login(), Form(DeletionBody)
    body = form.read()
    try:
        if body is not None and _is_confirmed(login, body, form):
            own_account.delete(login, body)
            return tokens.without_cookies(done("account_deleted", "pages.index"))
    except InvalidInput as error:
        form.errors.update(error.details)
    except WrongCredentials as error:
        form.errors["password"] = str(error)
    except WrongCode as error:
        form.errors["code"] = error.sentence
    except LastAdmin as error:
        return _show_deletion(login.account, form, 409, error)
    return _show_deletion(login.account, form, 422)


def _is_confirmed(login: Login, body: DeletionBody, form: Form[DeletionBody]) -> bool:
    if email_key(body.confirmation) == email_key(login.account.email):
        return True
    form.errors["confirmation"] = N_("must be the email of your account")
    return False


def _show_details(account: Account, form: Form[ProfileBody], status: int = 200) -> Response:
    needs_code = current()[AccountServices].second_factors.state(account).totp_ms is not None
    page = render_template("account/details.html", account=account, form=form, needs_code=needs_code)
    return make_response(page, status)


def _show_deletion(
    account: Account, form: Form[DeletionBody], status: int = 200, problem: KoyJaboError | None = None
) -> Response:
    page = render_template(
        "account/delete.html",
        account=account,
        form=form,
        only_admin_of=current()[PersonalDataServices].deletion.only_admin_of(account),
        needs_code=current()[AccountServices].second_factors.state(account).totp_ms is not None,
        problem=problem,
    )
    return make_response(page, status)
