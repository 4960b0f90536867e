"""Who may read what (docs/bridges.md), and the descriptions of refusals."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from koyjabo.accounts.services import AccountServices
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Account, Login, uuid_of
from koyjabo.core.services import Services
from koyjabo.models import SITE, Scope
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import INSIDE, Answer

REFUSED: dict[int, Answer] = {
    **INSIDE,
    400: "a parameter cannot be used; see details",
    403: "for admins and viewers of the site; with community_id, for moderators of the community",
    429: "too many reports at once; see Retry-After",
}
WHERE = {"community_id": "one community; default: the site"}


def scope() -> Scope:
    """The scope of the request: a community, for its moderators, or the site. Counts a report."""
    account = tokens.require().account
    limits.count_report(account.id)
    return _allowed(current(), account, request.args.get("community_id", ""))


def community(community_id: str, role: str) -> Scope:
    """A community in which the user has at least `role`. Counts a report."""
    account = tokens.require().account
    limits.count_report(account.id)
    current()[CommunityServices].directory.require(account, community_id, role)
    return Scope(uuid_of(community_id) or community_id)


def recheck() -> Callable[[], object]:
    """A check for `download`, made in the request: that its user may still read it. It raises as `scope` does."""
    services, login = current(), tokens.require()
    community_id = request.args.get("community_id", "")

    def require() -> None:
        known: Login | None = login
        if login.account.by_token is None:  # a person of another system has no session that could end
            known = services[AccountServices].credentials.login_of(login.session_id)
        if known is None:
            raise InvalidToken
        _allowed(services, known.account, community_id)

    return require


def _allowed(services: Services, account: Account, community_id: str) -> Scope:
    if not community_id:
        account.require_site_viewer()
        return SITE
    known_id = services[CommunityServices].refs.resolve(community_id)
    services[CommunityServices].directory.require(account, known_id, MODERATOR)
    return Scope(known_id)
