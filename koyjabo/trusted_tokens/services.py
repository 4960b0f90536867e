"""Builds the service for logins with another system's tokens, if the AUTH_… settings name one."""

from __future__ import annotations

from functools import partial

from koyjabo.accounts.services import AccountServices
from koyjabo.cluster.base import Base
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Login, TokenLogins
from koyjabo.jwks import key_set
from koyjabo.jwks.key_set import KeySet
from koyjabo.jwks.published_keys import POLL_S, PublishedKeys
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import ANYWHERE, Request
from koyjabo.settings.schema import Settings
from koyjabo.settings.trusted_issuer import claims_of
from koyjabo.trusted_tokens.external_logins import ExternalLogins
from koyjabo.trusted_tokens.verifier import SharedSecret, SigningKeys, TokenRules, TokenVerifier

TIMEOUT_S = 10.0


def build(base: Base) -> TokenLogins:
    settings = base.settings
    keys: SigningKeys
    if settings.auth_jwks_url:
        read = partial(read_keys, HttpClient(base.runtime), settings.auth_jwks_url)
        published = PublishedKeys(read, base.runtime, base.clock)
        base.services.lifetime.every(POLL_S, published.tick)
        keys = published
    elif settings.auth_shared_secret:
        keys = SharedSecret(settings.auth_shared_secret)
    else:
        return TokenLogins(_refuse)
    people, verifier = base.services[AccountServices].external, TokenVerifier(rules_of(settings), keys)
    logins = ExternalLogins(verifier, people, base.runtime, base.clock)
    base.signals.epoch_began.connect(lambda _: logins.forget(), weak=False)
    return TokenLogins(logins.login_of)


def read_keys(http: HttpClient, url: str) -> KeySet:
    """Read the public keys at a URL. Raises OutboundError, InvalidKeySet."""
    request = Request("GET", url, timeout_s=TIMEOUT_S, most_bytes=key_set.LONGEST, destinations=ANYWHERE)
    return key_set.of_response(http.fetch(request))


def rules_of(settings: Settings) -> TokenRules:
    return TokenRules(
        algorithms=frozenset(settings.token_algorithms),
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
        required=claims_of(settings.auth_required_claims),
        user_claim=settings.auth_user_claim,
        name_claim=settings.auth_name_claim,
        communities_claim=settings.auth_communities_claim,
    )


def _refuse(token: str) -> Login:
    raise InvalidToken
