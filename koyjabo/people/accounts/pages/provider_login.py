"""/auth/oidc/: log in with an OpenID provider, or connect an account with one. The Content-Security-Policy
(`form-action`) forbids forms that lead to another server, so users always follow a link to the provider.
"""

from __future__ import annotations

from flask import Response, make_response, render_template, request
from flask_babel import gettext as _

from koyjabo.base.core.errors import AccountDisabled, KoyJaboError
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.errors import ProviderConnected, ProviderLoginRefused, ProviderUnavailable
from koyjabo.people.accounts.login import provider_login
from koyjabo.people.accounts.login.schemas import LoginBody
from koyjabo.people.accounts.login_sessions import Grant
from koyjabo.people.accounts.oidc.provider import Provider
from koyjabo.people.accounts.pages.login import landing, logged_in, onwards_from, secret_page, show, to
from koyjabo.people.accounts.pages.security_changes import SecurityChange, carry_out
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.blueprints import pages as bp
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.responses import no_store
from koyjabo.web.login import page_login
from koyjabo.web.pages import redirects
from koyjabo.web.pages.flash import done

PROBLEMS = (AccountDisabled, ProviderConnected, ProviderLoginRefused, ProviderUnavailable)


@bp.get("/auth/oidc/<provider_name>")
def log_in_with_provider(provider_name: str) -> Response:
    """Redirect to the provider with 303."""
    provider, login = provider_login.provider_of(provider_name), page_login.login()
    if login is not None:
        return to(onwards_from(login.account))
    path = redirects.own_path(request.args.get("next", ""))
    try:
        return to(provider_login.begin(provider, path))
    except PROBLEMS as error:
        return _problem(provider, error, path)


@bp.get("/auth/oidc/<provider_name>/callback")
def take_provider_answer(provider_name: str) -> Response:
    """Handle the provider's response: log in, or connect the account of the session that began this."""
    provider, path = provider_login.provider_of(provider_name), provider_login.onwards()
    try:
        user, login = provider_login.take_answer(provider)
        if login is not None:
            settings = provider.settings
            current()[AccountServices].provider_logins.connect(login.account, settings.name, user)
            return done(N_("Your account is connected to %(name)s."), "pages.account", settings.label)
        outcome = provider_login.log_in(provider, user)
    except PROBLEMS as error:
        return _problem(provider, error, path)
    if not isinstance(outcome, Grant):
        return show(outcome, path)
    return logged_in(outcome, to(path or landing(outcome.login.account)))


@bp.get("/account/logins/<provider_name>/connect", endpoint="ask_connection")
@bp.post("/account/logins/<provider_name>/connect")
def begin_connection(provider_name: str) -> Response:
    """Show the link to the provider."""
    page_login.require_login()
    provider = provider_login.provider_of(provider_name)
    label = provider.settings.label
    change = SecurityChange(
        _("Connect your account with %(name)s", name=label),
        _("You can then also log in with %(name)s, without your password here.", name=label),
        _("Continue"),
        page="pages.account",
    )

    def begin(login: Login) -> Response:
        url = provider_login.begin(provider, login=login)
        page = render_template("accounts/provider_login.html", provider=provider.settings, url=url)
        return no_store(make_response(page))

    return carry_out(change, begin)


@bp.get("/account/logins/<provider_name>/disconnect", endpoint="ask_disconnection")
@bp.post("/account/logins/<provider_name>/disconnect")
def disconnect_provider(provider_name: str) -> Response:
    page_login.require_login()
    settings = provider_login.provider_of(provider_name).settings
    change = SecurityChange(
        _("Disconnect your account from %(name)s", name=settings.label),
        _(
            "You will no longer be able to log in with %(name)s. Sessions started with it stay open.",
            name=settings.label,
        ),
        _("Disconnect"),
        is_removal=True,
        page="pages.account",
    )

    def disconnect(login: Login) -> Response:
        services = current()[AccountServices]
        issuers = {provider.settings.issuer for provider in services.providers.values()}
        services.provider_logins.disconnect(login.account, settings.name, settings.issuer, issuers)
        return done(N_("Your account is no longer connected to %(name)s."), "pages.account", settings.label)

    return carry_out(change, disconnect)


def _problem(provider: Provider, error: KoyJaboError, path: str) -> Response:
    """Show the error on the login page or, if a user is logged in, on a page with a link back to the account."""
    status = 503 if isinstance(error, ProviderUnavailable) else 422
    if page_login.login() is None:
        return secret_page("login", status, form=Form(LoginBody), problem=str(error), onwards=path)
    return secret_page("provider_login", status, provider=provider.settings, problem=str(error))
