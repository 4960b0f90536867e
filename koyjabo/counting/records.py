"""The ledger's input and output: plain values that are passed between threads. They are named tuples, because one is
created per visit, at a fifth of the cost of a frozen dataclass.
"""

from typing import NamedTuple, TypeAlias

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.models import SITE, Scope

VisitKey = tuple[str, str]
"""(visitor_id, visit_id). A retry has the same key as its visit."""


LATE_VISIT_MS = 60_000
"""A visit that waited longer than this was offline."""

Keyed: TypeAlias = "tuple[NewVisit, str]"
"""A visit with its `visit_id`, which the server generates if the client did not send one."""

Outcome: TypeAlias = "Receipt | KoyJaboError"
"""What a commit returns for one visit."""


def is_late(waited_ms: int | None) -> bool:
    """Whether a visit was offline. Clients that do not say how long their visits waited are never late."""
    return waited_ms is not None and waited_ms > LATE_VISIT_MS


class NewVisit(NamedTuple):
    """A visit as received, validated and cut to its limits."""

    visitor_id: str
    visit_id: str | None  # the client's own id for the visit, which identifies retries
    scope: Scope = SITE
    place: str = "Unknown"
    at_ms: int = 0  # by the server's clock; the client's is not trusted to assign days
    client_ms: int | None = None
    waited_ms: int | None = None  # between two readings of the client's clock: when it was opened, and when it was sent
    referrer: str | None = None
    user_agent: str | None = None
    page: str | None = None
    fingerprint: bytes = b""  # identifies the client, as a hash that changes daily; never stored
    user_id: str | None = None  # the user, if the request identified one
    is_bot: bool = False  # a declared crawler
    # Key of an anonymous visit under the other secret that is valid now, near midnight.
    other_key: VisitKey | None = None
    member_id: str | None = None  # the user, even if the visit is anonymous; never stored
    language: str | None = None  # from its Accept-Language header: "bn"
    campaign: str | None = None  # the utm_ parameters of the page, as `base.network.campaigns` writes them
    attended_ms: int | None = None  # 0 if attended time will be measured from now on
    acted: bool = False  # a visitor has used the page
    automated: bool = False  # the browser reported that a program drives it, or it is a declared crawler
    network: str | None = None  # who owns the address, as one of `address_owners.NETWORKS`
    own: bool = False  # by an operator of this server
    is_public: bool = False  # anyone could have sent it, so communities that are not open only count it for members
    continues: bool = False  # a later page of a visitor without an id, so a page view if there is a visit


class CounterSnapshot(NamedTuple):
    """The numbers of a scope after one commit."""

    scope: Scope
    epoch: int  # ms; base-36 on the wire
    revision: int
    visits: int  # rows ever written
    total: int
    unique_visitors: int
    day: str  # the local day of `day_visits`
    day_visits: int
    last_ms: int | None = None  # time of the site's latest visit, if it was read; None for communities
    last_place: str | None = None


class Receipt(NamedTuple):
    """Confirms that a visit is on disk."""

    ordinal: int
    duplicate: bool  # a retry of a visit that was already counted, under the same ordinal; or a page view
    snapshot: CounterSnapshot  # the site, as of the commit
    own: CounterSnapshot  # the visit's own scope, as of the commit; same as `snapshot` for a visit to the site
    # The visit's number among the site's visits on its day; None for visits from before these numbers existed.
    day_number: int | None
    is_view: bool = False  # a page view of an earlier visit; it has no number, so its ordinal is 0
