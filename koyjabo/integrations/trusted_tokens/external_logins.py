"""Finds the person that another system's token belongs to, or adds them if they are new. Accepts tokens only if the
AUTH_… settings name their issuer.
"""

from collections import OrderedDict
from collections.abc import Sequence

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidToken
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.settings.public_keys import PublicKeys
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.accounts.users.external_queries import ExternalPerson
from .token_verifier import ExternalClaims, SharedSecret, SigningKeys, TokenVerifier, rules_of

NO_SESSION = ""
PERSON_KEPT_S = 30
MAX_REMEMBERED_PEOPLE = 20_000


class ExternalLogins:
    """Logins with another system's tokens. Lookups of people are batched and cached for PERSON_KEPT_S, because
    thousands of clients may reconnect at once.
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
            if now_ms - at_ms < 1000 * PERSON_KEPT_S and claims.name in (None, person.name):
                return person
        person = self._lookups.ask(claims)
        self._seen[claims.ref] = (person, now_ms)
        while len(self._seen) > MAX_REMEMBERED_PEOPLE:
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


def _refuse(token: str) -> Login:
    raise InvalidToken
