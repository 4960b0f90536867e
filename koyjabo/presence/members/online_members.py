"""Who is here: people who hold a place in a scope, by a socket or by the tracker (specification: promise 4, promise 5).

One person is one, over tabs, transports, workers and reconnects. Memory and Redis are siblings in `koyjabo.realtime`,
and pass one contract suite.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from koyjabo.models import Scope


class Online(NamedTuple):
    """How many people hold a place in a scope. A greater version is a newer count; what one worker gives only grows."""

    version: int  # hybrid clock: max(last + 1, now in ms), by whoever decides: Redis, or this process
    count: int  # type: ignore[assignment]  # a tuple's own `count` is not missed
    is_guess: bool = False  # made without Redis, for nobody else to adopt


class Here(NamedTuple):
    """One person who is here."""

    person: str
    since_ms: int  # wall clock
    holds: int  # lines that are up, over all workers: 0 for one whose last line was lost a moment ago


class Holds(Protocol):
    """Only `settled` and `people` may wait. Every method is atomic, and unknown holds are no error.

    A store calls the `on_news` of its constructor with a scope whose count may have changed, by any worker (not by
    `learn`). It holds no lock meanwhile.
    """

    def hold(self, scope: Scope, person: str, hold_id: str) -> None:
        """A line is up. A lost one may come back under its id; the same again is no harm."""

    def release(self, scope: Scope, person: str, hold_id: str) -> None:
        """A clean goodbye: they leave at once, if it was their last hold anywhere."""

    def lose(self, scope: Scope, person: str, hold_id: str) -> None:
        """The line was lost: this hold lasts for the grace, in which another one goes unnoticed."""

    def online(self, scope: Scope) -> Online:
        """As far as this worker knows; a scope nobody has asked about is guessed to be empty, and looked up."""

    def settled(self, scope: Scope, person: str, patience_s: float) -> bool:
        """Wait until `online` has what this worker has done for that person so far, and what others have.

        False after `patience_s`, with Redis away: then it counts this worker's own people by a guess.
        """

    def learn(self, scope: Scope, online: Online) -> None:
        """Another worker says what it knows. Older than what is known here, or a guess, it changes nothing."""

    def people(self, scope: Scope) -> list[Here]:
        """Who is here, those who came first at the front, 1,000 at most. Without Redis: this worker's own, within
        about a second."""

    def refresh(self) -> None:
        """End graces and the holds of dead workers, renew our own, look up what others changed. Call every second."""

    def resend(self) -> None:
        """Redis is back: say everything again."""
