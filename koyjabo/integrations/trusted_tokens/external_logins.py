"""Verifies another system's tokens, and finds the person that a token belongs to, or adds them if they are new (RFC
7519, RFC 8725). Accepts tokens only if the AUTH_… settings name their issuer.

Nothing that a token says about itself is trusted: algorithms, issuer, audience and required claims come from the
settings, and a key is only used with algorithms of its kind (`koyjabo.base.settings.public_keys`).
"""

import json
import logging
import sys
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jwt

from koyjabo.base.cluster.base import Base
from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidToken, TokenExpired
from koyjabo.base.core.identity import REF, Account, Login, RolesByToken
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.settings.public_keys import PublicKeys
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.trusted_issuer import claims_of
from koyjabo.communities.roles import ROLES
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.accounts.users.external_queries import ExternalPerson

log = logging.getLogger(__name__)

LEEWAY_S = 30
LONGEST = 8000
"""Maximum length of a token, characters. A request header may be up to 8 KB long."""

EXPIRED = "This token has expired. Get a new one where you got this one."
OPTIONS: Any = {
    **{"require": ["exp"], "verify_exp": True, "verify_nbf": True},
    **dict.fromkeys(("verify_iat", "verify_sub", "verify_jti"), False),  # nothing depends on them
}


class SigningKeys(Protocol):
    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key that verifies a token, or None."""


class SharedSecret:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def find(self, key_id: str | None, algorithm: str) -> bytes:
        return self._secret


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The rules for tokens, from the AUTH_… settings; "" for an empty setting."""

    algorithms: Collection[str]
    issuer: str
    audience: str
    required: Mapping[str, str]
    user_claim: str
    name_claim: str
    communities_claim: str


class ExternalClaims(NamedTuple):
    """The person that a token belongs to, and the token's claims about them."""

    ref: str
    name: str | None
    roles: RolesByToken


class TokenVerifier:
    def __init__(self, rules: TokenRules, keys: SigningKeys) -> None:
        self._rules = rules
        self._keys = keys

    def read(self, token: str) -> ExternalClaims:
        """Verify a token, and return the person it belongs to. Raises InvalidToken, TokenExpired."""
        claims = self._verified(token)
        _require_times(claims)
        for name, value in self._rules.required.items():
            if not _has(claims.get(name), value):
                raise _refused(f"the claim {name} is not {value}")
        ref = _ref(claims.get(self._rules.user_claim))
        return ExternalClaims(ref, _name(claims.get(self._rules.name_claim), ref), self._roles(claims))

    def _verified(self, token: str) -> dict[str, Any]:
        rules = self._rules
        if len(token) > LONGEST or not token.isascii():
            raise _refused("it is too long, or not ASCII")
        options: Any = {**OPTIONS, "verify_aud": bool(rules.audience), "verify_iss": bool(rules.issuer)}
        audience, issuer = rules.audience or None, rules.issuer or None
        try:
            algorithm, key_id = self._header(token)
            key = self._keys.find(key_id, algorithm)
            if key is None:
                raise _refused("its key is not known")
            return jwt.decode(token, key, [algorithm], options, audience=audience, issuer=issuer, leeway=LEEWAY_S)
        except jwt.ExpiredSignatureError:
            raise TokenExpired(EXPIRED) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _refused(type(error).__name__) from None

    def _header(self, token: str) -> tuple[str, str | None]:
        """The algorithm and the key's id. Raises InvalidToken, and PyJWT's errors."""
        header: dict[str, Any] = dict(jwt.get_unverified_header(token))
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            raise _refused("its algorithm is not allowed")
        if not isinstance(key_id, str | None) or "crit" in header:
            raise _refused("its header has a kid or crit that cannot be used")
        return algorithm, key_id

    def _roles(self, claims: Mapping[str, Any]) -> RolesByToken:
        """The roles in a token. If the communities claim is present, only that claim counts, even if nothing in it is
        valid.
        """
        name = self._rules.communities_claim
        if name not in claims:
            return RolesByToken(None)
        said = claims[name] if isinstance(claims[name], dict) else {}
        return RolesByToken(tuple((ref, role) for ref, role in said.items() if REF.fullmatch(ref) and role in ROLES))


def _require_times(claims: Mapping[str, Any]) -> None:
    """Check that times are numbers, because PyJWT also accepts strings. Raises InvalidToken."""
    for time in (claims["exp"], claims.get("nbf", 0)):
        if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) <= sys.float_info.max:
            raise _refused("exp or nbf is not a number")


def _has(claim: Any, value: str) -> bool:
    """Whether a claim equals this string, or is a list that contains it. Other values are compared as JSON (`true`,
    `1`).
    """
    items = claim if isinstance(claim, list) else [claim]
    return any(value == (item if isinstance(item, str) else json.dumps(item)) for item in items if item is not None)


def _ref(claim: Any) -> str:
    """The external id in a claim. Numbers are accepted, because many systems have no other ids. Raises InvalidToken."""
    text = str(claim) if isinstance(claim, int) and not isinstance(claim, bool) else claim
    if not isinstance(text, str) or not REF.fullmatch(text):
        raise _refused("the user claim is missing, or not a valid userRef")
    return text


def _refused(why: str) -> InvalidToken:
    """Log the reason for operators, and return the error for the client. `why` quotes nothing from the token."""
    log.debug("token_refused why=%r", why)
    return InvalidToken()


def _name(claim: Any, ref: str) -> str | None:
    return credential_rules.name(claim, ref) if isinstance(claim, str) and claim.strip() else None


NO_SESSION = ""
REMEMBERED_S = 30
MAX_REMEMBERED = 20_000


class ExternalLogins:
    """Logins with another system's tokens. Lookups of people are batched and cached for REMEMBERED_S, because thousands
    of clients may reconnect at once.
    """

    def __init__(self, verifier: TokenVerifier, people: ExternalPeople, runtime: Runtime, clock: Clock) -> None:
        self._verifier = verifier
        self._people = people
        self._clock = clock
        self._lookups: SharedLookups[ExternalClaims, ExternalPerson] = SharedLookups(runtime, self._look_up)
        # By external id, with the time in `Clock.elapsed_ms`
        self._seen: OrderedDict[str, tuple[ExternalPerson, int]] = OrderedDict()

    def login_of(self, token: str) -> Login:
        """The login for a token. Raises InvalidToken, TokenExpired, LedgerUnavailable."""
        claims = self._verifier.read(token)
        person = self._person(claims)
        return Login(Account(person.id, "", person.name, is_admin=False, by_token=claims.roles), NO_SESSION)

    def forget(self) -> None:
        """Forget the cached people. Call this after the database was rolled back, because some may be missing."""
        self._seen.clear()

    def _person(self, claims: ExternalClaims) -> ExternalPerson:
        now_ms = self._clock.elapsed_ms()
        if claims.ref in self._seen:
            person, at_ms = self._seen[claims.ref]
            if now_ms - at_ms < 1000 * REMEMBERED_S and claims.name in (None, person.name):
                return person
        person = self._lookups.ask(claims)
        self._seen[claims.ref] = (person, now_ms)
        while len(self._seen) > MAX_REMEMBERED:
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
    if settings.auth_public_key:
        keys = PublicKeys(settings.auth_public_key, settings.token_algorithms)
    elif settings.auth_shared_secret:
        keys = SharedSecret(settings.auth_shared_secret)
    else:
        return base.services.identities.provide(token_login_of=_refuse)
    people, verifier = base.services[AccountServices].external, TokenVerifier(rules_of(settings), keys)
    logins = ExternalLogins(verifier, people, base.runtime, base.clock)
    base.signals.epoch_began.connect(lambda _: logins.forget(), weak=False)
    base.services.identities.provide(token_login_of=logins.login_of)


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
