"""The ledger's input and output: plain values that are passed between threads.

Named tuples, because one is created for each visit, at a fifth of the cost of a frozen dataclass.
"""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.models import SITE, Scope

VisitKey = tuple[str, str]
"""(visitor_id, visit_id): what makes a retry the same visit."""


class NewVisit(NamedTuple):
    """A visit as received, validated and truncated to its limits."""

    visitor_id: str
    visit_id: str | None  # the client's own id of the visit, by which a retry is recognised
    scope: Scope = SITE
    place: str = "Unknown"
    at_ms: int = 0  # server clock: the client's is not trusted to assign days
    client_ms: int | None = None
    referrer: str | None = None
    user_agent: str | None = None
    page: str | None = None
    fingerprint: bytes = b""  # identifies the client, as a hash that changes daily; never stored
    user_id: str | None = None  # the user, if the request identified one
    is_bot: bool = False  # a declared crawler
    other_key: VisitKey | None = None  # the key of an anonymous visit under the secret of the day beside its own
    member_id: str | None = None  # that user, also if the visit is anonymous; never stored
    language: str | None = None  # of its Accept-Language header: "bn"
    campaign: str | None = None  # the utm_ parameters of the page, as `network.campaigns` writes them
    page_host: str = ""  # of the page that sent it, if it is on another host; never stored
    is_public: bool = False  # anyone could send it: a community that is not open counts it for its members alone


class CounterSnapshot(NamedTuple):
    """The committed figures of a scope, as of one commit."""

    scope: Scope
    epoch: int  # ms; base-36 on the wire
    revision: int
    visits: int  # rows ever written
    total: int
    unique_visitors: int
    day: str  # the local day of `day_visits`
    day_visits: int
    last_ms: int | None = None  # when the newest visit of the site came, as far as it was read; None for communities
    last_place: str | None = None


class Receipt(NamedTuple):
    """Confirms that a visit is on disk."""

    ordinal: int
    duplicate: bool  # a retry of a visit that was counted before, under the same ordinal
    snapshot: CounterSnapshot  # of the site, as of the commit
    own: CounterSnapshot  # of the visit's own scope, as of the commit; for a visit of the site, the same as `snapshot`
    day_number: int | None  # its number among the site's visits of its day; None if it was counted before there was one
