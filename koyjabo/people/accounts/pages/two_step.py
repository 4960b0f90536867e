"""/account/second-factor: turn two-step login on and off. Each change has its own page and requires a proof
(`koyjabo.people.accounts.two_step.proofs`).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import InvalidInput, KoyJaboError
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.errors import (
    NoSecondFactor,
    SecondFactorOn,
)
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import CodeBody
from koyjabo.people.accounts.services import account_services
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.login import page_login
from koyjabo.web.pages import redirects
from koyjabo.web.pages.flash import done
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow
from koyjabo.web.schemas.bodies import Body

bp = pages_blueprint("second_factor")


class TwoStepRow(ServerRow):
    """Who must use two-step login, on the page Server. An admin who requires it of others has it."""

    def check(self, changes: Mapping[str, str]) -> None:
        is_required = changes.get("REQUIRE_TWO_FACTOR") in ("admins", "all")
        if is_required and account_services().enrolment.state(me()).second_factor_ms is None:
            why = N_("Set up two-step login for your own account first.")
            raise InvalidInput(details={"REQUIRE_TWO_FACTOR": why})


TWO_STEP_ROWS = {"two-step": TwoStepRow()}


class SecurityChange(NamedTuple):
    """A change: the texts of the page that asks for the password."""

    title: str
    explanation: str
    label: str
    is_removal: bool = False


def ask(
    login: Login,
    change: SecurityChange,
    form: Form[Body] | None = None,
    status: int = 200,
    problem: KoyJaboError | None = None,
) -> Response:
    """The page that asks for the change and, unless the session has one, for a proof."""
    page = render_template(
        "accounts/confirm.html",
        change=change,
        form=form or Form(Body),
        problem=problem,
    )
    return make_response(page, status)


def carry_out(change: SecurityChange, act: Callable[[Login], Response]) -> Response:
    """Show the page that asks or, with its form, require a proof, then call `act`."""
    login = page_login.require_login()
    if request.method != "POST":
        return ask(login, change)
    form = Form(Body)
    try:
        with authentication.errors_in(form):
            authentication.require_proof()
            return act(login)
    except (SecondFactorOn, NoSecondFactor) as error:
        return ask(login, change, form, 409, error)
    return ask(login, change, form, 422)


@bp.get("/account/second-factor", endpoint="second_factors")
def two_step_login() -> Response:
    login, services = page_login.require_login(), account_services()
    account, state = login.account, services.enrolment.state(login.account)
    is_confirmed = services.email_links.is_verified(account)
    is_at_risk = current()[MailOutbox].is_on and not account.sees_panel and not is_confirmed
    return make_response(render_template("accounts/second_factor.html", state=state, is_at_risk=is_at_risk))


@bp.get("/account/second-factor/totp", endpoint="set_up_totp")
@bp.post("/account/second-factor/totp")
def begin_totp() -> Response:
    """Show the QR code and the secret."""

    def begin(login: Login) -> Response:
        account_services().enrolment.begin_totp_in(login)
        return _show_totp(login, Form(CodeBody))

    return carry_out(SecurityChange(_("Set up an authenticator app"), "", _("Continue")), begin)


@bp.post("/account/second-factor/totp/confirm")
def confirm_totp() -> Response:
    login, form = page_login.require_login(), Form(CodeBody)
    body = form.read()
    try:
        with authentication.errors_in(form):
            if body is not None:
                return _show_codes(account_services().enrolment.confirm_totp(login, body.code))
        return _show_totp(login, form, 422)
    except NoSecondFactor:  # the setup took too long, or was begun in another session
        return redirects.to("pages_second_factor.set_up_totp")


@bp.get("/account/second-factor/totp/off", endpoint="ask_totp_off")
@bp.post("/account/second-factor/totp/off")
def remove_totp() -> Response:
    def remove(login: Login) -> Response:
        account_services().enrolment.remove_totp(login)
        return done(N_("The authenticator app was turned off."), "pages_second_factor.second_factors")

    change = SecurityChange(
        _("Turn off the authenticator app"),
        _("Your password is then enough to log in, and your recovery codes stop working."),
        _("Turn off"),
        is_removal=True,
    )
    return carry_out(change, remove)


@bp.get("/account/second-factor/recovery-codes", endpoint="ask_recovery_codes")
@bp.post("/account/second-factor/recovery-codes")
def renew_recovery_codes() -> Response:
    renew = account_services().enrolment.renew_recovery_codes
    change = SecurityChange(
        _("New recovery codes"),
        _("You get ten new codes. The old ones stop working."),
        _("Create new codes"),
    )
    return carry_out(change, lambda login: _show_codes(renew(login)))


def _show_codes(codes: list[str]) -> Response:
    onwards = url_for("pages_second_factor.second_factors")
    return make_response(render_template("accounts/recovery_codes.html", codes=codes, onwards=onwards))


def _show_totp(login: Login, form: Form[CodeBody], status: int = 200) -> Response:
    """Show the QR code and the secret. Raises NoSecondFactor."""
    setup = account_services().enrolment.setup_in(login)
    action = url_for("pages_second_factor.confirm_totp")
    return make_response(render_template("accounts/totp.html", form=form, setup=setup, action=action), status)
