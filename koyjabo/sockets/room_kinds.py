"""The kinds of community rooms that clients may join, with the role that each requires."""

from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.core.errors import KoyJaboError, Unauthenticated
from koyjabo.base.core.identity import uuid_of
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.permissions import RequiredAccess
from koyjabo.communities.roles import MEMBER, MODERATOR
from koyjabo.web.login.claims import Claims
from .credentials import token_to_verify

NO_COMMUNITY = "-"


class Kind(NamedTuple):
    role: str  # the lowest role that may join
    is_dashboard: bool


ROOM_KINDS = {"visitors": Kind(MEMBER, False), "visitor_dashboard": Kind(MODERATOR, True)}


def participant_for(
    kind: Kind,
    member: Any,
    claims: Claims | None,
    community_id: str,
    end: Callable[[KoyJaboError], None],
    admitted_by: str | None = None,
) -> Participant:
    """A participant for `Admission.join`. An invalid community id counts as an unknown community. Raises
    Unauthenticated for a dashboard if `claims` is None.
    """
    community = uuid_of(community_id) or NO_COMMUNITY
    if claims is None:
        if kind.is_dashboard:
            raise Unauthenticated
        return Participant(member, RequiredAccess.of_stranger(community), kind.is_dashboard, end)
    needed = RequiredAccess(claims.session_id, claims.user_id, community, kind.role, claims.by_token)
    return Participant(member, needed, kind.is_dashboard, end, refresh_id=token_to_verify(claims, admitted_by))
