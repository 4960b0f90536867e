"""Forms to sign up, log in and log out.

/login/second-factor and /login/enrol handle two-step login. The step's token is a form field, so the browser stores
nothing until the login is complete.
"""

from contextlib import suppress
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for

from koyjabo.base.core.errors import (
    LedgerUnavailable,
    UnknownCommunity,
    UnknownInvitation,
    WrongCode,
)
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.people.accounts.errors import (
    NoSecondFactor,
    SecondFactorExpired,
    SignUpClosed,
    UnknownLink,
)
from koyjabo.people.accounts.grants import Grant
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import LoginBody, SecondFactorBody, SignupBody
from koyjabo.people.accounts.pending_steps import TwoStepDue
from koyjabo.people.accounts.services import account_services
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import no_store
from koyjabo.web.login import page_login, tokens
from koyjabo.web.pages import redirects
from koyjabo.web.pages.flash import say
from .form_fields import EnrolBody

bp = pages_blueprint("login")


@bp.get("/login")
def log_in() -> Response:
    return _form("accounts/login.html", Form(LoginBody))


@bp.post("/login")
def do_log_in() -> Response:
    page_login.check_origin()
    form = Form(LoginBody)
    body = form.read()
    with authentication.errors_in(form):
        if body is not None:
            outcome = authentication.log_in(body)
            return redirected(outcome) if isinstance(outcome, Grant) else show(outcome)
    return _form("accounts/login.html", form, 422)


@bp.get("/login/link/<token>")
def log_in_by_link(token: str) -> Response:
    """Log in with the link that a start printed. HEAD changes nothing."""
    if request.method == "HEAD":
        return redirects.to("pages_login.log_in")
    try:
        outcome = authentication.log_in_by_link(token)
    except UnknownLink as error:
        return _over(error)
    return redirected(outcome) if isinstance(outcome, Grant) else show(outcome)


declare(bp, "/login/link/", PathPolicy.SECRET)


@bp.get("/signup")
def sign_up() -> Response:
    return _form("accounts/signup.html", Form(SignupBody))


@bp.post("/signup")
def do_sign_up() -> Response:
    page_login.check_origin()
    form = Form(SignupBody)
    body = form.read()
    if not authentication.may_sign_up():
        return _form("accounts/signup.html", form, 403)
    with authentication.errors_in(form):
        if body is not None:
            try:
                outcome = authentication.sign_up(body)
            except SignUpClosed:  # another person has just used the invitation
                return _form("accounts/signup.html", form, 403)
            if not isinstance(outcome, Grant):
                return show(outcome)
            if token := authentication.invitation():
                return _accepted(outcome, token)
            return say(
                redirected(outcome, "pages_communities.list_communities"),
                N_("Welcome, %(name)s. Your account was created."),
                outcome.login.account.name,
            )
    return _form("accounts/signup.html", form, 422)


def _accepted(grant: Grant, token: str) -> Response:
    """Log in and accept an invitation. If that is impossible, the invitation's page gives the reason."""
    try:
        return logged_in(grant, authentication.accepted(grant.login.account, token))
    except (UnknownInvitation, UnknownCommunity, LedgerUnavailable):  # the account exists, so the person is logged in
        return redirected(grant)


@bp.post("/logout")
def log_out() -> Response:
    account_services().credentials.log_out(page_login.require_login().session_id)
    return tokens.without_cookies(redirects.to("pages_home.index"))


@bp.post("/login/second-factor", endpoint="second_factor")
def complete_login() -> Response:
    page_login.check_origin()
    form = Form(SecondFactorBody, flags=("remember",), optional=("code",))
    body = form.read()
    try:
        with authentication.errors_in(form):
            if body is not None:
                return redirected(authentication.complete_login(body))
        return _ask(form, 422)
    except SecondFactorExpired as error:
        return _over(error)


@bp.post("/login/enrol")
def enrol() -> Response:
    """Accept the first code of an authenticator app, for a login that has to set one up."""
    page_login.check_origin()
    form = Form(EnrolBody)
    body = form.read()
    try:
        if body is None:
            return _enrolment(form, 422)
        grant, codes = authentication.enrol(body.token, body.code)
    except WrongCode as error:
        form.errors["code"] = error.sentence
        return _enrolment(form, 422)
    except (SecondFactorExpired, NoSecondFactor) as error:
        return _over(error)
    page = secret_page("recovery_codes", codes=codes, onwards=_onwards_after_enrolment(grant))
    return logged_in(grant, page)


def _onwards_after_enrolment(grant: Grant) -> str:
    """The path to open after a login that has set up two-step login. An invitation that was accepted with it no longer
    has a page.
    """
    account, token = grant.login.account, authentication.invitation()
    with suppress(LedgerUnavailable):
        if token and not account_services().received.is_valid(token, account):
            login = current().identities.login_of(grant.login.session_id, None) or grant.login
            return landing(login.account)
    return onwards_from(account)


def redirected(grant: Grant, otherwise: str = "") -> Response:
    """Log in, then redirect to `next`, or else to the endpoint `otherwise`, or else to the account's landing page."""
    if otherwise:
        return logged_in(grant, redirects.back(otherwise))
    return logged_in(grant, to(onwards_from(grant.login.account)))


def to(url: str) -> Response:
    return redirect(url, 303)  # type: ignore[return-value]


def onwards_from(account: Account) -> str:
    """The path in `next` if it is on this server, otherwise the account's landing page."""
    return redirects.own_path(request.values.get("next", "")) or landing(account)


def landing(account: Account) -> str:
    """The path to open after a login without a destination. Users who may see the panel go there, so that an admin's
    login does not count as a visit. Others go to their community if they have exactly one.
    """
    if account.sees_panel:
        return url_for("panel_overview.overview")
    with suppress(LedgerUnavailable):
        destination = current().identities.destination_of(account)
        if destination is not None:
            return url_for(destination[0], **destination[1])
    return url_for("pages_home.index")


def show(due: TwoStepDue, onwards: str = "") -> Response:
    """The page that completes a two-step login, in response to the password. The login leads to the path `onwards`, or
    to the form's `next`.
    """
    if due.must_enrol:
        user = account_services().login_completion.enrolling(due.token)
        account_services().enrolment.begin_totp(user.id, user.email)
        return _enrolment(Form(EnrolBody, {"token": due.token}), onwards=onwards)
    return _ask(Form(SecondFactorBody, {"token": due.token}, ("remember",)), onwards=onwards)


def logged_in(grant: Grant, response: Response) -> Response:
    """End the browser's previous session, because its cookies are replaced. Failures are not reported, because the
    login itself has succeeded.
    """
    with suppress(LedgerUnavailable):
        before = page_login.login()
        if before is not None:
            account_services().credentials.log_out(before.session_id)
    tokens.set_cookies(response, tokens.tokens_for(grant.login, grant.refresh_id))
    return response


def _ask(form: Form[SecondFactorBody], status: int = 200, onwards: str = "") -> Response:
    """Show the form that completes a two-step login. Raises SecondFactorExpired."""
    methods = account_services().login_completion.methods(str(form.values.get("token", "")))
    return secret_page("second_step", status, form=form, methods=methods, onwards=onwards)


def _enrolment(form: Form[EnrolBody], status: int = 200, onwards: str = "") -> Response:
    """Show the form that sets up two-step login. Raises SecondFactorExpired, NoSecondFactor."""
    user = account_services().login_completion.enrolling(str(form.values.get("token", "")))
    setup = account_services().enrolment.setup(user.id, user.email)
    return secret_page("totp", status, form=form, setup=setup, action=url_for("pages_login.enrol"), onwards=onwards)


def _over(error: Exception) -> Response:
    return secret_page("login", 422, form=Form(LoginBody), problem=str(error), onwards=request.values.get("next"))


def secret_page(name: str, status: int = 200, **values: Any) -> Response:
    """A page with secrets, which browsers must not cache."""
    return no_store(make_response(render_template(f"accounts/{name}.html", **values), status))


def _form(template: str, form: Form[LoginBody] | Form[SignupBody], status: int = 200) -> Response:
    login = page_login.login()
    if login is not None:
        return to(onwards_from(login.account))
    return make_response(render_template(template, form=form), status)
