"""Identifies the user who opens a socket, by a token or the session cookie (specification: Credentials).

The kinds of community rooms that clients may join, with the role that each requires.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Request

from koyjabo.base.core.errors import InvalidKey, InvalidToken, KoyJaboError, TokenExpired, Unauthenticated
from koyjabo.base.core.identity import KEY_PREFIX, uuid_of
from koyjabo.base.core.services import Services
from koyjabo.base.network.services import NetworkServices
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.permissions import RequiredAccess
from koyjabo.communities.roles import MEMBER, MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.web.http.cookies import cookie_name
from koyjabo.web.login.tokens import ACCESS, COOKIES, REFRESH, Claims, Tokens

SUB_PROTOCOL = "Authorization"


class SubProtocols(NamedTuple):
    """The accepted sub-protocol, and the token sent in Sec-WebSocket-Protocol."""

    accepted: str | None
    token: str | None


def sub_protocols(request: Request) -> SubProtocols:
    """Parse `Authorization, <token>` or `Authorization, Bearer <token>`, which some clients send."""
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if offered[0].lower() != SUB_PROTOCOL.lower():
        return SubProtocols(None, None)
    return SubProtocols(offered[0], _without_scheme(offered[1]) if len(offered) > 1 else None)


def identify(services: Services, request: Request, token: str | None, admitted_by: str | None = None) -> Claims | None:
    """The claims in the client's credentials, or None if it sent none. `token` is a token that was sent neither in the
    Authorization header nor in the query, such as in Sec-WebSocket-Protocol. See `token_to_verify` for
    `admitted_by`.

    The room's permission check later verifies that the session is live and that a refresh token is the current one.
    Raises InvalidToken, InvalidKey, TokenExpired, LedgerUnavailable.
    """
    token = token or _without_scheme(request.headers.get("Authorization", ""), needs_scheme=True)
    token = token or request.args.get("token")
    name = cookie_name(COOKIES[REFRESH], request.is_secure)
    cookie = request.cookies.get(name) if services[NetworkServices].origins.trusts(request) else None
    if token and token.startswith(KEY_PREFIX):
        raise InvalidKey(InvalidKey.misplaced)
    if not token:
        return services[Tokens].read(cookie, REFRESH) if cookie else None
    try:
        return services[Tokens].read(token, ACCESS)
    except InvalidToken:
        return Claims.of_other_system(services.identities.token_login_of(token))
    except TokenExpired:  # accepted together with a live session
        with suppress(InvalidToken, TokenExpired):
            claims = services[Tokens].read(cookie or "", REFRESH)
            if services[CommunityServices].permissions.is_live(claims.session_id, token_to_verify(claims, admitted_by)):
                return claims
        raise


def token_to_verify(claims: Claims, admitted_by: str | None = None) -> str | None:
    """The id of the refresh token that still has to be verified. None for an access token, and for the refresh token
    that admitted this client earlier (`admitted_by`): the client resends the token from its handshake, and may have
    renewed it since.
    """
    return claims.token_id if claims.kind == REFRESH and claims.token_id != admitted_by else None


def _without_scheme(credentials: str, needs_scheme: bool = False) -> str | None:
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    return None if needs_scheme else credentials or None


NO_COMMUNITY = "-"


class Kind(NamedTuple):
    role: str  # the lowest role that may join
    is_dashboard: bool


KINDS = {"visitors": Kind(MEMBER, False), "visitor_dashboard": Kind(MODERATOR, True)}


def participant_for(
    kind: Kind,
    member: Any,
    claims: Claims | None,
    community_id: str,
    end: Callable[[KoyJaboError], None],
    admitted_by: str | None = None,
) -> Participant:
    """A participant for `CommunityRooms.join`. An invalid community id counts as an unknown community. Raises
    Unauthenticated for a dashboard if `claims` is None.
    """
    community = uuid_of(community_id) or NO_COMMUNITY
    if claims is None:
        if kind.is_dashboard:
            raise Unauthenticated
        return Participant(member, RequiredAccess.of_stranger(community), kind.is_dashboard, end)
    needed = RequiredAccess(claims.session_id, claims.user_id, community, kind.role, claims.by_token)
    return Participant(member, needed, kind.is_dashboard, end, refresh_id=token_to_verify(claims, admitted_by))
