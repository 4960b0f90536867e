"""Finds the person that another system's token belongs to, and adds them if they are new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from koyjabo.accounts.users.external_people import ExternalPeople, ExternalPerson
from koyjabo.core.clock import Clock
from koyjabo.core.identity import Account, Login
from koyjabo.core.runtime import Runtime
from koyjabo.database.batch_worker import Job
from koyjabo.database.shared_lookups import SharedLookups
from koyjabo.trusted_tokens.verifier import ExternalClaims, TokenVerifier

NO_SESSION = ""
REMEMBERED_S = 30
MOST_REMEMBERED = 20_000


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
