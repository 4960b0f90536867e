"""Sign up, log in, complete a two-step login, and change credentials, for the API and for forms.

Every function may raise TooManyRequests and LedgerUnavailable. Functions that take a password may also raise TooBusy.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from flask import Flask, Response, after_this_request, request, url_for

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import (
    EmailTaken,
    InvalidInput,
    KoyJaboError,
    UnknownInvitation,
    WrongCode,
    WrongCredentials,
)
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.network.origins import Origins
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts.errors import ProofRequired, SignUpClosed, UnknownLink
from koyjabo.people.accounts.grants import Grant, browser_mark_of
from koyjabo.people.accounts.pending_steps import TwoStepDue
from koyjabo.people.accounts.remembered_browsers import BROWSER_REMEMBERED_S
from koyjabo.people.accounts.services import account_services
from koyjabo.people.accounts.two_step.login_completion import LoginBrowser
from koyjabo.people.accounts.users.invitations import PanelRole
from koyjabo.people.models import User
from koyjabo.web.blueprints import is_page
from koyjabo.web.current import current
from koyjabo.web.forms import confirmation
from koyjabo.web.forms.confirmation import Confirmation, Unconfirmed
from koyjabo.web.forms.forms import Form
from koyjabo.web.http import cookies
from koyjabo.web.i18n import language, name_of
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.pages.flash import done
from koyjabo.web.panel.pages import my_login
from koyjabo.web.schemas.bodies import Body
from . import login_limits
from .schemas import (
    LoginBody,
    PasswordBody,
    ProfileBody,
    ProofBody,
    SecondFactorBody,
    SignupBody,
)

REMEMBERED_COOKIE = "remembered_browser"
"""Cookie that proves a completed two-step login in this browser within the last 30 days."""

ENTER_PASSWORD, ENTER_CODE = N_("Enter your password."), N_("Enter the code.")


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(may_sign_up=may_sign_up, is_invited=is_invited, proof_due=proof_due)


def may_sign_up() -> bool:
    """Whether the current request may create an account: SIGN_UP is `open`, or the request is about an invitation."""
    return current()[Settings].sign_up == "open" or is_invited()


def is_invited() -> bool:
    """Whether the current request is about a valid invitation."""
    token = invitation()
    return bool(token) and account_services().received.is_valid(token)


def invitation() -> str:
    """The token of the invitation that the current page's form leads to, or "". It may be invalid."""
    path, start = request.values.get("next", ""), "/invitations/"
    return path.removeprefix(start) if is_page(request) and path.startswith(start) else ""


def accepted(account: Account, token: str) -> Response:
    """Accept an invitation. Redirects to the community or the panel, or to the login if two-step login is required."""
    role = account_services().received.of(token).accept(account, token)
    if not isinstance(role, PanelRole):
        community = role[0].community
        sentence, name = N_("You are now a member of %(name)s."), name_of(community)
        return done(sentence, "pages_communities.community", name, community_id=community.id)
    if role.is_logged_out:
        sentence = N_(
            "You now have access to the panel. Log in again to set up two-step login, which this site requires."
        )
        return done(sentence, "pages_login.log_in", next=url_for("panel_overview.overview"))
    return done(N_("You now have access to the panel."), "panel_overview.overview")


def sign_up(body: SignupBody) -> Grant | TwoStepDue:
    """Create an account and log it in. Raises SignUpClosed, EmailTaken."""
    if not may_sign_up():
        raise SignUpClosed
    limits.count_address("signups")
    tokens.record_request_place()
    accounts, client = account_services().credentials, login_limits.client()
    origin = request.user_agent.string, client, body.visitorId, language()
    try:
        outcome = accounts.sign_up(body.email, body.password, body.name, *origin, **_permit())
    except UnknownInvitation:  # another person has used it
        raise SignUpClosed from None
    return welcome(outcome, body.visitorId) if isinstance(outcome, Grant) else outcome


def _permit() -> dict[str, Any]:
    """The argument of `Accounts.sign_up` that uses up the invitation; empty if none is needed. Raises
    UnknownInvitation.
    """
    if current()[Settings].sign_up == "open":
        return {}
    token = invitation()
    kind = account_services().received.of(token)
    return {"permit": lambda session, user_id: kind.keep(session, token, user_id)}


def log_in(body: LoginBody) -> Grant | TwoStepDue:
    """Begin a session, unless the user has to complete a two-step login. Raises WrongCredentials."""
    tokens.record_request_place()
    accounts = account_services().credentials
    user_agent, cookie = request.user_agent.string, remembered_cookie()
    with login_limits.login_attempt(email_key(body.email), body.email) as client:
        outcome = accounts.log_in(body.email, body.password, user_agent, client, cookie, body.visitorId)
    return welcome(outcome, body.visitorId) if isinstance(outcome, Grant) else outcome


def log_in_by_link(token: str) -> Grant | TwoStepDue:
    """Log in with the link that a start printed, which replaces the password only. Raises UnknownLink."""
    tokens.record_request_place()
    accounts, (user, proof) = account_services().credentials, account_services().email_links.printed(token)
    outcome = accounts.begin(user, request.user_agent.string, is_familiar=True, cookie=remembered_cookie(), proof=proof)
    if outcome is None:
        raise UnknownLink
    return welcome(outcome, None) if isinstance(outcome, Grant) else outcome


def complete_login(body: SecondFactorBody) -> Grant:
    """Complete a two-step login. Raises WrongCode, SecondFactorExpired."""
    _begin()
    steps, from_browser = account_services().login_completion, browser()
    completed = steps.by_code(body.token, body.code, from_browser)
    if body.remember:

        @after_this_request
        def remember(response: Response) -> Response:
            cookies.put(response, REMEMBERED_COOKIE, completed.cookie, BROWSER_REMEMBERED_S)
            return response

    return welcome(completed.grant, completed.visitor_id)


def enrolling(token: str) -> User:
    """The user who may set up two-step login with this token. Raises SecondFactorExpired."""
    limits.count_address("second_steps")
    return account_services().login_completion.enrolling(token)


def enrol(token: str, code: str) -> tuple[Grant, list[str]]:
    """Set up two-step login and log in. Also returns the recovery codes. Raises WrongCode, NoSecondFactor,
    SecondFactorExpired.
    """
    _begin()
    completed, codes = account_services().login_completion.enrol(token, code, browser())
    grant = welcome(completed.grant, completed.visitor_id)
    with suppress(KoyJaboError):  # the account is logged in, and can accept the invitation on its page
        account_services().received.accept_kept(grant.login.account)
    return grant, codes


def enrolment_token() -> str | None:
    """The request's bearer token, unless it is a session token. Session tokens are JSON Web Tokens, which
    contain dots.
    """
    header = request.authorization
    token = header.token if header is not None and header.type == "bearer" else None
    return token if token and "." not in token else None


def change_password(login: Login, body: PasswordBody) -> None:
    """Change the password and end all other sessions. Raises WrongCredentials."""
    key, client = email_key(login.account.email), login_limits.client(is_familiar=True)
    # Counted even on a familiar browser, which may be stolen together with its session.
    with login_limits.password_attempt(key):
        mark = account_services().credentials.change_password(login, body.current_password, body.new_password, client)
    login_limits.remember_login(key, mark)


def change_profile(login: Login, body: ProfileBody) -> Account:
    """Change the account. Requires the password, except for `appear_offline`. Changing the email while an authenticator
    app is on also requires a code, because a password reset through the new email could remove the app. The browser
    stays familiar.

    Raises WrongCredentials, WrongCode, EmailTaken.
    """
    account = login.account
    if not body.is_about_presence:
        user = confirm_password(login, body.required_password())
        if email_key(body.email or user.email) != email_key(user.email):
            account_services().enrolment.require_code(login, body.code)
        account = _change_details(user, body.name, body.email)
    if body.appear_offline is not None:
        account = account_services().credentials.appear_offline(account, body.appear_offline)
    return account


def change_details(login: Login, name: str | None, email: str | None) -> Account:
    """Like `change_profile`, but requires a proof. Raises InvalidInput, WrongCredentials, WrongCode, EmailTaken."""
    require_proof()
    user = account_services().pending.user(login)
    if user is None:
        raise WrongCredentials
    return _change_details(user, name, email)


def _change_details(user: User, name: str | None, email: str | None) -> Account:
    account = account_services().credentials.change_profile(user, name, email)
    if account.email != user.email:
        mark = account_services().credentials.browser_mark(account.email)
        login_limits.remember_login(email_key(account.email), mark)
    return account


class ProofDue(NamedTuple):
    """The fields that a form needs for a proof."""

    needs_code: bool


def proof_due() -> ProofDue | None:
    """The proof that the forms of the current page need; None while the session has a proof."""
    login, proofs = my_login(), account_services().proofs
    return None if proofs.is_fresh(login) else ProofDue(proofs.needs_code(login))


def require_proof() -> None:
    """Require a proof of who uses the session (`two_step.proofs`), which the fields `password` and
    `code` of the current form may give. Raises InvalidInput, WrongCredentials, WrongCode.
    """
    login, proofs = my_login(), account_services().proofs
    if proofs.is_fresh(login):
        return
    fields = {"password": ENTER_PASSWORD, **({"code": ENTER_CODE} if proofs.needs_code(login) else {})}
    if empty := {name: sentence for name, sentence in fields.items() if not request.form.get(name)}:
        raise InvalidInput(details=empty)
    proofs.store(login, confirm_password(login, request.form["password"]), request.form.get("code"))


def require_proof_with_cookies(login: Login) -> None:
    """Require a proof in a call of the API that carries a session's cookie. Raises ProofRequired."""
    if tokens.is_by_cookie() and not account_services().proofs.is_fresh(login):
        raise ProofRequired


def confirm_proved(prompt: Confirmation) -> None:
    """Ask for confirmation and for a proof. Call this after an action's checks, before the action. Raises
    Unconfirmed.
    """
    prompt, form = prompt._replace(is_proved=True), Form(Body)
    confirmation.confirm(prompt)
    with errors_in(form):
        return require_proof()
    raise Unconfirmed(prompt, 422, form.errors)


def confirm(login: Login, body: ProofBody) -> None:
    """Verify the password and, while an authenticator app is on, a code, for a call of the API. Raises InvalidInput,
    WrongCredentials, WrongCode.
    """
    confirm_password(login, body.required_password())
    account_services().enrolment.require_code(login, body.code)


@contextmanager
def errors_in(form: Form[Any]) -> Iterator[None]:
    """Show errors about typed values in a form's fields."""
    try:
        yield
    except InvalidInput as error:
        form.errors.update(error.details)
    except (WrongCredentials, WrongCode, EmailTaken) as error:
        field = {WrongCredentials: "password", WrongCode: "code", EmailTaken: "email"}[type(error)]
        form.errors[field] = str(error)


def confirm_password(login: Login, password: str) -> User:
    """Verify the password before a change that a stolen session must not make. Raises WrongCredentials."""
    client = login_limits.client(is_familiar=True)
    with login_limits.password_attempt(email_key(login.account.email)):
        return account_services().credentials.verify_password(login, password, client)


def welcome(grant: Grant, visitor_id: str | None) -> Grant:
    """Finish a login: remember the browser and link the visitor."""
    login_limits.remember_login(email_key(grant.login.account.email), grant.browser_mark)
    if visitor_id is not None:
        account_id = grant.login.account.id
        current().signals.visitor_identified.send(account_id, visitor_id=visitor_id, environ=request.environ)
    return grant


def _begin() -> None:
    limits.count_address("second_steps")
    tokens.record_request_place()


def browser() -> LoginBrowser:
    def is_familiar(user: User) -> bool:
        return login_limits.is_familiar(email_key(user.email), lambda: browser_mark_of(user))

    return LoginBrowser(request.user_agent.string, is_familiar)


def remembered_cookie() -> str:
    return cookies.get(REMEMBERED_COOKIE) if current()[Origins].trusts(request) else ""
