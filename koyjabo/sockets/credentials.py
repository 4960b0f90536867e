"""Who opens a socket: by a token, from several places, or by the browser's session (specification: Credentials)."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from flask import Request

from koyjabo.accounts.tokens import ACCESS, COOKIES, REFRESH, Claims
from koyjabo.application.services import Services
from koyjabo.errors import InvalidToken, TokenExpired, Unauthenticated

SUB_PROTOCOL = "Authorization"


class SubProtocols(NamedTuple):
    """What a client said in Sec-WebSocket-Protocol: what to answer, and the token in it."""

    answer: str | None
    token: str | None


def sub_protocols(request: Request) -> SubProtocols:
    """`Authorization, <token>`, or `Authorization, Bearer <token>` from clients that can send that."""
    said = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if said[0].lower() != SUB_PROTOCOL.lower():
        return SubProtocols(None, None)
    return SubProtocols(said[0], _bare(said[1]) if len(said) > 1 else None)


def identify(services: Services, request: Request, token: str | None, proven: str | None = None) -> Claims:
    """What somebody goes by; `token` is one they said elsewhere than in the request's header and query.

    Whether the session still lives, and a refresh token is the one that is good, is asked with the right to the room;
    for `proven` see `in_question`. Raises Unauthenticated, InvalidToken, TokenExpired, LedgerUnavailable.
    """
    token = token or _header(request) or request.args.get("token")
    cookie = request.cookies.get(COOKIES[REFRESH]) if services.network.origins.trusts(request) else None
    if token:
        return _by_token(services, token, cookie, proven)
    if cookie:
        return services.accounts.tokens.read(cookie, REFRESH)
    raise Unauthenticated


def in_question(claims: Claims, proven: str | None = None) -> str | None:
    """The id of the refresh token that has still to be found good: none for an access token, nor for the one by which
    the same client was let in before. It says again what its handshake said, and may have renewed its tokens since.
    """
    return claims.token_id if claims.kind == REFRESH and claims.token_id != proven else None


def _by_token(services: Services, token: str, cookie: str | None, proven: str | None) -> Claims:
    """One that has expired is accepted next to a live session."""
    try:
        return services.accounts.tokens.read(token, ACCESS)
    except TokenExpired:
        with suppress(InvalidToken, TokenExpired):
            claims = services.accounts.tokens.read(cookie or "", REFRESH)
            if services.communities.permissions.is_live(claims.session_id, in_question(claims, proven)):
                return claims
        raise


def _header(request: Request) -> str | None:
    return _bare(request.headers.get("Authorization", ""), needs_scheme=True)


def _bare(said: str, needs_scheme: bool = False) -> str | None:
    scheme, _, token = said.partition(" ")
    if scheme.lower() == "bearer":
        return token.strip() or None
    return None if needs_scheme else said or None
