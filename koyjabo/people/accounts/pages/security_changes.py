"""Changes to how a user logs in. Each asks for the password on a separate page, and for a code while an authenticator
app is on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, make_response, render_template, request
from flask_babel.speaklater import LazyString

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.errors import (
    EmailUnconfirmed,
    LastWayToLogIn,
    NoSecondFactor,
    ProviderUnavailable,
    SecondFactorOn,
)
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import ProofBody
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.login import page_login


class SecurityChange(NamedTuple):
    """A change: the texts of the page that asks for the password, and the page to return to."""

    title: LazyString | str
    explanation: LazyString | str
    label: LazyString | str
    is_removal: bool = False
    page: str = "pages.second_factors"


def ask(
    login: Login,
    change: SecurityChange,
    form: Form[ProofBody] | None = None,
    status: int = 200,
    problem: KoyJaboError | None = None,
) -> Response:
    """The page that asks for the password and, while an authenticator app is on, for a code."""
    page = render_template(
        "accounts/confirm.html",
        account=login.account,
        change=change,
        form=form or Form(ProofBody),
        needs_code=current()[AccountServices].second_factors.state(login.account).totp_ms is not None,
        action=request.path,
        problem=problem,
    )
    return make_response(page, status)


def carry_out(change: SecurityChange, act: Callable[[Login], Response]) -> Response:
    """Show the page that asks for the password or, with its form, verify the password and code, then call `act`."""
    login = page_login.require_login()
    if request.method != "POST":
        return ask(login, change)
    form = Form(ProofBody)
    body = form.read()
    try:
        with authentication.errors_in(form):
            if body is not None:
                authentication.confirm(login, body)
                return act(login)
    except (SecondFactorOn, NoSecondFactor, EmailUnconfirmed, LastWayToLogIn, ProviderUnavailable) as error:
        return ask(login, change, form, 409, error)
    return ask(login, change, form, 422)
