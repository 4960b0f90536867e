"""Builds what accepts tokens of another system, if the settings AUTH_… name one."""

from __future__ import annotations

from koyjabo.accounts.services import AccountServices
from koyjabo.cluster.base import Base
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Login, TokenLogins
from koyjabo.outbound.client import HttpClient
from koyjabo.settings.schema import Settings
from koyjabo.settings.trusted_issuer import claims_of
from koyjabo.trusted_tokens.external_logins import ExternalLogins
from koyjabo.trusted_tokens.published_keys import LOOK_S, PublishedKeys
from koyjabo.trusted_tokens.verifier import SharedSecret, SigningKeys, TokenRules, TokenVerifier


def build(base: Base) -> TokenLogins:
    settings = base.settings
    keys: SigningKeys
    if settings.auth_jwks_url:
        published = PublishedKeys(settings.auth_jwks_url, HttpClient(base.runtime), base.runtime, base.clock)
        base.services.lifetime.every(LOOK_S, published.tick)
        keys = published
    elif settings.auth_shared_secret:
        keys = SharedSecret(settings.auth_shared_secret)
    else:
        return TokenLogins(_refuse)
    people, verifier = base.services[AccountServices].external, TokenVerifier(rules_of(settings), keys)
    logins = ExternalLogins(verifier, people, base.runtime, base.clock)
    base.signals.epoch_began.connect(lambda _: logins.forget(), weak=False)
    return TokenLogins(logins.login_of)


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
