"""Finds the person that another system's token belongs to, and adds them if they are new. Accepts tokens only if the
AUTH_… settings name their issuer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidToken
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.jwks import key_set
from koyjabo.base.jwks.key_set import KeySet
from koyjabo.base.jwks.published_keys import POLL_S, PublishedKeys
from koyjabo.base.outbound.client import HttpClient
from koyjabo.base.outbound.messages import ANYWHERE, Request
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.trusted_issuer import claims_of
from koyjabo.integrations.trusted_tokens.verifier import (
    ExternalClaims,
    SharedSecret,
    SigningKeys,
    TokenRules,
    TokenVerifier,
)
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.accounts.users.external_queries import ExternalPerson

NO_SESSION = ""
REMEMBERED_S = 30
MOST_REMEMBERED = 20_000
TIMEOUT_S = 10.0


class _Seen(NamedTuple):
    person: ExternalPerson
    at_ms: int  # from `Clock.elapsed_ms`


class ExternalLogins:
    """Logins with another system's tokens. Lookups of people are batched and cached for REMEMBERED_S, because thousands
    of clients may reconnect at once.
    """

    def __init__(self, verifier: TokenVerifier, people: ExternalPeople, runtime: Runtime, clock: Clock) -> None:
        self._verifier = verifier
        self._people = people
        self._clock = clock
        self._lookups: SharedLookups[ExternalClaims, ExternalPerson] = SharedLookups(runtime, self._look_up)
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def login_of(self, token: str) -> Login:
        """The login for a token. Raises InvalidToken, TokenExpired, KeysUnavailable, LedgerUnavailable."""
        claims = self._verifier.read(token)
        person = self._person(claims)
        return Login(Account(person.id, "", person.name, is_admin=False, by_token=claims.roles), NO_SESSION)

    def forget(self) -> None:
        """Forget the cached people. Call this after the database was rolled back, because some may be missing."""
        self._seen.clear()

    def _person(self, claims: ExternalClaims) -> ExternalPerson:
        now_ms = self._clock.elapsed_ms()
        seen = self._seen.get(claims.ref)
        if seen is not None and now_ms - seen.at_ms < 1000 * REMEMBERED_S and claims.name in (None, seen.person.name):
            return seen.person
        person = self._lookups.ask(claims)
        self._seen[claims.ref] = _Seen(person, now_ms)
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return person

    def _look_up(self, jobs: Sequence[Job[ExternalClaims, ExternalPerson]]) -> None:
        names: dict[str, str | None] = {}
        for job in jobs:
            names[job.item.ref] = job.item.name or names.get(job.item.ref)
        people = self._people.find_or_make(names)
        for job in jobs:
            job.result = people[job.item.ref]


def build(base: Base) -> None:
    """Find the logins of tokens. All tokens are refused if the settings name no issuer."""
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
        return base.services.identities.provide(token_login_of=_refuse)
    people, verifier = base.services[AccountServices].external, TokenVerifier(rules_of(settings), keys)
    logins = ExternalLogins(verifier, people, base.runtime, base.clock)
    base.signals.epoch_began.connect(lambda _: logins.forget(), weak=False)
    base.services.identities.provide(token_login_of=logins.login_of)


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
