"""The rooms of a community that one may ask to be let into, by either kind of client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.accounts.tokens import Claims
from koyjabo.communities.live.participant import Seat
from koyjabo.communities.permissions import Right
from koyjabo.communities.roles import MEMBER, MODERATOR
from koyjabo.errors import KoyJaboError
from koyjabo.identity import uuid_of
from koyjabo.sockets.credentials import in_question

NO_COMMUNITY = "-"


class Kind(NamedTuple):
    role: str  # the least that it takes
    is_dashboard: bool


KINDS = {"visitors": Kind(MEMBER, False), "visitor_dashboard": Kind(MODERATOR, True)}


def seat_for(
    kind: Kind,
    member: Any,
    claims: Claims,
    community_id: str,
    end: Callable[[KoyJaboError], None],
    proven: str | None = None,
) -> Seat:
    """A seat that is not taken yet. An id that is none is that of no community."""
    right = Right(claims.session_id, claims.user_id, uuid_of(community_id) or NO_COMMUNITY, kind.role)
    return Seat(member, right, kind.is_dashboard, end, refresh_id=in_question(claims, proven))
