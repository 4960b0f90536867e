"""The forms to sign up, log in and log out."""

from __future__ import annotations

from flask import Response, make_response, render_template

from koyjabo.accounts.grants import Grant
from koyjabo.accounts.login import log_in as entrance
from koyjabo.accounts.login.requests import LoginBody, SignupBody
from koyjabo.accounts.pages import second_step
from koyjabo.accounts.second_factor.pending import SecondFactorDue
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import EmailTaken, WrongCredentials
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login, tokens
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.pages.flash import say


@bp.get("/login")
def log_in() -> Response:
    return _form("account/login.html", Form(LoginBody))


@bp.post("/login")
def do_log_in() -> Response:
    page_login.check_origin()
    form = Form(LoginBody)
    body = form.read()
    if body is not None:
        try:
            return _next_step(entrance.log_in(body))
        except WrongCredentials as error:
            form.errors["password"] = error.sentence
    return _form("account/login.html", form, 422)


@bp.get("/signup")
def sign_up() -> Response:
    return _form("account/signup.html", Form(SignupBody))


@bp.post("/signup")
def do_sign_up() -> Response:
    page_login.check_origin()
    form = Form(SignupBody)
    body = form.read()
    if body is not None:
        try:
            return _greet(entrance.sign_up(body))
        except EmailTaken as error:
            form.errors["email"] = error.sentence
    return _form("account/signup.html", form, 422)


@bp.post("/logout")
def log_out() -> Response:
    current()[AccountServices].credentials.log_out(page_login.require_login().session_id)
    return tokens.without_cookies(redirects.to("pages.index"))


def _next_step(found: Grant | SecondFactorDue) -> Response:
    return second_step.welcome(found) if isinstance(found, Grant) else second_step.show(found)


def _greet(found: Grant | SecondFactorDue) -> Response:
    if not isinstance(found, Grant):
        return second_step.show(found)
    return say(second_step.welcome(found, "pages.list_communities"), "welcome", found.login.account.name)


def _form(template: str, form: Form[LoginBody] | Form[SignupBody], status: int = 200) -> Response:
    login = page_login.login()
    if login is not None:
        return redirects.back(second_step.landing(login.account))
    return make_response(render_template(template, form=form), status)
