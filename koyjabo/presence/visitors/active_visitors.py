"""Who is active: the visitors seen within ACTIVE_WINDOW_SECONDS, by place (specification: Words)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from koyjabo.models import Scope


class Census(NamedTuple):
    """How many are active in each place: the 20 largest, `Other` and `Unknown`. Their sum is all who are active.

    A greater version is a newer count; an equal one from the same backend is the same count. A negative one is a
    guess, for nobody else to adopt.
    """

    version: int
    places: Mapping[str, int]


class Presence(Protocol):
    """Who is active in each scope, as far as this worker knows. No method waits, and each is atomic.

    A visitor is active from a `touch` until the window has passed without another: a lease, which nobody has to give
    back. Memory and Redis are siblings in `koyjabo.realtime`, and pass one contract suite.
    """

    def touch(self, scope: Scope, visitor_id: str, place: str | None) -> None:
        """A registered visitor gives a sign of life. A new place replaces the old one; None leaves it as it is."""

    def meet(self, scope: Scope, visitor_id: str, place: str) -> None:
        """Touch a visitor who may or may not be known to be active elsewhere: what `census` gives changes when that is
        known, at once where nobody has to be asked.
        """

    def renew(self, scope: Scope, visitor_id: str) -> bool:
        """Touch a visitor where they were seen last; false for one this worker does not know to be active."""

    def forget(self, scope: Scope, visitor_id: str) -> None:
        """They are active no longer, wherever they were seen, and nothing here knows of them; unknown is no error."""

    def census(self, scope: Scope) -> Census: ...

    def learn(self, scope: Scope, census: Census) -> None:
        """Another worker says what it knows. Older than what is known here, it changes nothing."""

    def refresh(self) -> None:
        """Have what other workers changed looked up, soon."""
