"""What goes into the ledger and what comes out of it: plain values that cross from thread to thread.

Named tuples: one is made for each visit, at a fifth of what a frozen dataclass costs.
"""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.models import SITE, Scope


class NewVisit(NamedTuple):
    """A visit as it arrived, checked and cut to size."""

    visitor_id: str
    visit_id: str | None  # the client's own name for it; makes a retry recognisable
    scope: Scope = SITE
    place: str = "Unknown"
    at_ms: int = 0  # server clock; the client's is not to be trusted with days
    client_ms: int | None = None
    referrer: str | None = None
    user_agent: str | None = None
    page: str | None = None
    caller: bytes = b""  # who sent it, as a hash that lasts a day; never stored
    user_id: str | None = None  # whose it is, where they said so
    is_bot: bool = False  # a crawler that says it is one


class Figures(NamedTuple):
    """The committed numbers of a scope, as of one commit."""

    scope: Scope
    epoch: int  # ms; base-36 on the wire
    revision: int
    visits: int  # rows ever written
    total: int
    unique_visitors: int
    day: str  # the local day that `day_visits` is about
    day_visits: int


class Receipt(NamedTuple):
    """Proof that a visit is on disk."""

    ordinal: int
    duplicate: bool  # a retry: it was counted before, under the same ordinal
    figures: Figures  # of the site, as of the commit
    own: Figures  # of the visit's own scope, as of the commit; a site visit's is the site
