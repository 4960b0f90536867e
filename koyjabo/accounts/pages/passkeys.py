"""/account/second-factor/passkeys: make and remove passkeys. Making one needs a script, as WebAuthn does."""

from __future__ import annotations

from flask import Response, make_response, render_template
from flask_babel import lazy_gettext as _

from koyjabo.accounts.login import second_step
from koyjabo.accounts.pages.form_fields import NewPasskeyBody
from koyjabo.accounts.pages.second_factor import Change, ask, carry_out, show_codes
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import EmailUnconfirmed, SecondFactorExpired, TooManyPasskeys, WrongPasskey
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done

ADDITION = Change(
    _("Add a passkey"),
    _("A passkey is your fingerprint, face or PIN on this device, or a security key. You can log in with it alone."),
    _("Continue"),
)
REMOVAL = Change(
    _("Remove this passkey"),
    _("Without another second factor, your password alone is enough to log in, and your recovery codes end."),
    _("Remove"),
    is_removal=True,
)


@bp.get("/account/second-factor/passkeys")
def ask_passkey() -> Response:
    return ask(page_login.require_login(), ADDITION)


@bp.post("/account/second-factor/passkeys")
def begin_passkey() -> Response:
    """Shows the button that makes the passkey."""
    login = page_login.require_login()

    def begin() -> Response:
        options = current()[AccountServices].passkeys.options(login, second_step.relying_party())
        return make_response(render_template("account/passkey.html", options=options, form=Form(NewPasskeyBody)))

    return carry_out(login, ADDITION, begin)


@bp.post("/account/second-factor/passkeys/confirm")
def add_passkey() -> Response:
    login, form = page_login.require_login(), Form(NewPasskeyBody)
    body = form.read()
    try:
        if body is None or body.credential is None:
            raise WrongPasskey
        site = second_step.relying_party()
        made = current()[AccountServices].passkeys.register(login, site, body.credential, body.name)
    except (WrongPasskey, SecondFactorExpired, TooManyPasskeys, EmailUnconfirmed) as error:
        return ask(login, ADDITION, status=422, problem=error)
    return show_codes(made.recovery_codes) if made.recovery_codes else done("passkey_added", "pages.second_factors")


@bp.get("/account/second-factor/passkeys/<passkey_id>/remove")
def ask_passkey_removal(passkey_id: str) -> Response:
    return ask(page_login.require_login(), REMOVAL)


@bp.post("/account/second-factor/passkeys/<passkey_id>/remove")
def remove_passkey(passkey_id: str) -> Response:
    login = page_login.require_login()

    def remove() -> Response:
        current()[AccountServices].passkeys.remove(login, passkey_id)
        return done("passkey_removed", "pages.second_factors")

    return carry_out(login, REMOVAL, remove)
