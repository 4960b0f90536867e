"""/account/second-factor: turn second factors on and off. Each change asks for the password on a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, make_response, render_template, request, url_for
from flask_babel import lazy_gettext as _

from koyjabo.accounts.login import second_step
from koyjabo.accounts.login.second_factor_requests import CodeBody, ProofBody
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import (
    EmailUnconfirmed,
    InvalidInput,
    KoyJaboError,
    NoSecondFactor,
    SecondFactorOn,
    WrongCode,
    WrongCredentials,
)
from koyjabo.core.identity import Login
from koyjabo.mail.outbox import Outbox
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.pages.flash import done


class Change(NamedTuple):
    """The texts of a page that asks for the password and a code before a change."""

    title: str
    explanation: str
    label: str
    is_removal: bool = False


TOTP = Change(
    _("Set up an authenticator app"),
    _("An app on your phone, such as Google Authenticator, shows a new code every 30 seconds."),
    _("Continue"),
)
TOTP_OFF = Change(
    _("Turn off the authenticator app"),
    _("Without another second factor, your password alone is enough to log in, and your recovery codes end."),
    _("Turn off"),
    is_removal=True,
)
CODES = Change(
    _("New recovery codes"),
    _("You get ten new codes. All old ones end."),
    _("Make new codes"),
)


@bp.get("/account/second-factor")
def second_factors() -> Response:
    login, accounts = page_login.require_login(), current()[AccountServices]
    state, passkeys = accounts.second_factors.state(login.account), accounts.passkeys.all(login.account)
    is_unconfirmed = current()[Outbox].is_on and not accounts.email_links.state(login.account).is_verified
    page = render_template("account/second_factor.html", state=state, passkeys=passkeys, is_unconfirmed=is_unconfirmed)
    return make_response(page)


@bp.get("/account/second-factor/totp")
def set_up_totp() -> Response:
    return ask(page_login.require_login(), TOTP)


@bp.post("/account/second-factor/totp")
def begin_totp() -> Response:
    """Shows the QR code and the secret."""
    login = page_login.require_login()

    def begin() -> Response:
        current()[AccountServices].second_factors.begin_totp_in(login)
        return _show_totp(login, Form(CodeBody))

    return carry_out(login, TOTP, begin)


@bp.post("/account/second-factor/totp/confirm")
def confirm_totp() -> Response:
    try:
        return _confirm_totp(page_login.require_login(), Form(CodeBody))
    except NoSecondFactor:  # it took too long, or was begun in another session
        return redirects.to("pages.set_up_totp")


def _confirm_totp(login: Login, form: Form[CodeBody]) -> Response:
    """Raises NoSecondFactor."""
    body = form.read()
    if body is not None:
        try:
            return show_codes(current()[AccountServices].second_factors.confirm_totp(login, body.code))
        except WrongCode as error:
            form.errors["code"] = error.sentence
    return _show_totp(login, form, 422)


@bp.get("/account/second-factor/totp/off")
def ask_totp_off() -> Response:
    return ask(page_login.require_login(), TOTP_OFF)


@bp.post("/account/second-factor/totp/off")
def remove_totp() -> Response:
    login = page_login.require_login()

    def remove() -> Response:
        current()[AccountServices].second_factors.remove_totp(login)
        return done("second_factor_removed", "pages.second_factors")

    return carry_out(login, TOTP_OFF, remove)


@bp.get("/account/second-factor/recovery-codes")
def ask_recovery_codes() -> Response:
    return ask(page_login.require_login(), CODES)


@bp.post("/account/second-factor/recovery-codes")
def renew_recovery_codes() -> Response:
    login = page_login.require_login()
    return carry_out(
        login, CODES, lambda: show_codes(current()[AccountServices].second_factors.renew_recovery_codes(login))
    )


def show_codes(codes: list[str]) -> Response:
    onwards = url_for("pages.second_factors")
    return make_response(render_template("account/recovery_codes.html", codes=codes, onwards=onwards))


def ask(
    login: Login,
    change: Change,
    form: Form[ProofBody] | None = None,
    status: int = 200,
    problem: KoyJaboError | None = None,
) -> Response:
    """The page that asks for the password and, while an authenticator app is on, for a code."""
    page = render_template(
        "account/confirm.html",
        account=login.account,
        change=change,
        form=form or Form(ProofBody),
        needs_code=current()[AccountServices].second_factors.state(login.account).totp_ms is not None,
        action=request.path,
        problem=problem,
    )
    return make_response(page, status)


def carry_out(login: Login, change: Change, act: Callable[[], Response]) -> Response:
    """Verify the password and the code of the form, and then act."""
    form = Form(ProofBody)
    body = form.read()
    try:
        if body is not None:
            second_step.confirm(login, body)
            return act()
    except InvalidInput as error:
        form.errors.update(error.details)
    except WrongCredentials as error:
        form.errors["password"] = str(error)
    except WrongCode as error:
        form.errors["code"] = error.sentence
    except (SecondFactorOn, NoSecondFactor, EmailUnconfirmed) as error:
        return ask(login, change, form, 409, error)
    return ask(login, change, form, 422)


def _show_totp(login: Login, form: Form[CodeBody], status: int = 200) -> Response:
    """Raises NoSecondFactor."""
    setup = current()[AccountServices].second_factors.setup_in(login)
    action = url_for("pages.confirm_totp")
    return make_response(render_template("account/totp.html", form=form, setup=setup, action=action), status)
