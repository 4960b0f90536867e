"""Sends a browser to an OpenID provider and handles the response, to log in or to connect the account of a session.

Every function may raise LedgerUnavailable, TooManyRequests and UnknownProvider.
"""

from flask import Flask, Response, after_this_request, request, url_for

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Login
from koyjabo.base.network.services import NetworkServices
from koyjabo.base.settings.login_providers import LoginProvider
from koyjabo.people.accounts.errors import ProviderLoginRefused, UnknownProvider
from koyjabo.people.accounts.login_sessions import PENDING_S, Grant, SecondFactorDue
from koyjabo.people.accounts.oidc.provider import OVER, Provider, ProviderUser
from koyjabo.people.accounts.oidc.provider_logins import NewLogin
from koyjabo.people.accounts.services import account_services
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from koyjabo.web.i18n import language
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login, tokens
from koyjabo.web.pages import redirects
from . import authentication

COOKIE = "provider_login"
LONGEST_PATH = 900
"""Maximum length of the path to return to after a login, bytes. It is stored in a cookie, where each byte may need
four, and browsers drop cookies over 4 KB.
"""

DENIED = N_("The login was cancelled. Start again, or log in another way.")
FAILED = N_("The other server has refused the login. Start again, or log in another way.")


def init_app(app: Flask) -> None:
    def shown() -> list[LoginProvider]:
        return [provider.settings for provider in account_services().providers.values()]

    def with_providers() -> bool:
        return account_services().provider_logins.may_sign_up

    app.jinja_env.globals.update(
        login_providers=shown,
        may_sign_up_with_providers=with_providers,
        may_sign_up=authentication.may_sign_up,
        is_invited=authentication.is_invited,
        proof_due=authentication.proof_due,
    )


def provider_of(name: str) -> Provider:
    """The provider with this name. Raises UnknownProvider."""
    try:
        return account_services().providers[name]
    except KeyError:
        raise UnknownProvider from None


def begin(provider: Provider, path: str = "", login: Login | None = None) -> str:
    """Begin a login and return the provider's URL. Afterwards the browser goes to `path`, or to the usual page if it is
    empty. If a `login` is given, its password must have been verified, and its account will be connected. Raises
    ProviderUnavailable.
    """
    limits.count_address("logins")
    issuer, redirect_uri = provider.settings.issuer, _redirect_uri(provider)
    provider.require_available()
    browser_secret, begun = account_services().authorizations.begin(issuer, login)
    kept = path if len(path.encode("utf-8", "surrogatepass")) <= LONGEST_PATH else ""

    @after_this_request
    def remember(response: Response) -> Response:
        cookies.put(response, COOKIE, f"{browser_secret}.{kept}", PENDING_S)
        return response

    return provider.url(begun, redirect_uri)


def onwards() -> str:
    """The path to go to after the login; "" for the usual page."""
    return redirects.own_path(cookies.get(COOKIE).partition(".")[2])


def take_answer(provider: Provider) -> tuple[ProviderUser, Login | None]:
    """Handle the response in the current request, once. Returns the user and, for a connection, the login of the
    session that began it. Raises ProviderLoginRefused, ProviderUnavailable.
    """
    limits.count_address("second_steps")
    tokens.record_request_place()
    browser_secret = cookies.get(COOKIE).partition(".")[0]

    @after_this_request
    def forget(response: Response) -> Response:
        cookies.delete(response, COOKIE)
        return response

    if not browser_secret:
        raise ProviderLoginRefused(OVER)
    parameters, login = request.args, page_login.login()
    issuer, session_id = provider.settings.issuer, login.session_id if login else ""
    finish = account_services().authorizations.finish
    begun, is_connection = finish(browser_secret, issuer, parameters.get("state", ""), session_id)
    provider.require_issuer(parameters.get("iss"))
    code = parameters.get("code", "")
    if not code:
        raise ProviderLoginRefused(DENIED if parameters.get("error") == "access_denied" else FAILED)
    user = provider.redeem(code, begun, _redirect_uri(provider))
    return user, login if is_connection else None


def log_in(provider: Provider, user: ProviderUser) -> Grant | SecondFactorDue:
    """Log in, or sign up. Raises ProviderLoginRefused, AccountDisabled."""
    logins, browser = account_services().provider_logins, authentication.browser()
    new = NewLogin(provider.settings.name, user, browser, authentication.remembered_cookie(), language())
    if logins.may_sign_up and not logins.is_known(user):
        limits.count_address("signups")
    outcome = logins.log_in(new)
    return authentication.welcome(outcome, None) if isinstance(outcome, Grant) else outcome


def _redirect_uri(provider: Provider) -> str:
    """The redirect URI under PUBLIC_URL or on the request's host. Raises ProviderLoginRefused for an invalid host."""
    origin = current()[NetworkServices].origins.site(request)
    if origin is None:
        raise ProviderLoginRefused
    return origin + url_for("pages.take_provider_answer", provider_name=provider.settings.name)
