"""Identifies the user who opens a socket, by a token or the session cookie (specification: Credentials)."""

from contextlib import suppress
from typing import NamedTuple

from flask import Request

from koyjabo.base.core.errors import InvalidKey, InvalidToken, TokenExpired
from koyjabo.base.core.identity import KEY_PREFIX
from koyjabo.base.core.services import Services
from koyjabo.base.network.origins import Origins
from koyjabo.communities.services import CommunityServices
from koyjabo.web.http.cookies import cookie_name
from koyjabo.web.login.claims import ACCESS, REFRESH, Claims, Tokens
from koyjabo.web.login.tokens import COOKIES

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
    cookie = request.cookies.get(name) if services[Origins].trusts(request) else None
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
