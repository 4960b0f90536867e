"""What decides whether somebody may be where they are, for many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.accounts.queries import FAMILY, Family
from koyjabo.models import Community, LoginSession, Membership, User

AT_ONCE = 500
"""Ids in one question."""

Item = TypeVar("Item")


class Facts(NamedTuple):
    sessions: dict[str, Family]  # those that are not revoked
    users: dict[str, bool]  # those who are not disabled, and whether they are admins of the site
    communities: set[str]  # not archived
    roles: dict[tuple[str, str], str]  # by community and user


def facts(session: Session, sessions: Collection[str], users: Collection[str], communities: Collection[str]) -> Facts:
    """All there is to know of these sessions, users and communities; whatever is not there is not in the answer."""
    live = select(*FAMILY).where(LoginSession.revoked_ms.is_(None))
    enabled = select(User.id, User.is_admin).where(User.disabled_ms.is_(None))
    access = select(Community.id).where(Community.archived_ms.is_(None))
    found = Facts({}, {}, set(), {})
    for some in _pieces(sessions):
        rows = session.execute(live.where(LoginSession.id.in_(some)))
        found.sessions.update((row.id, Family._make(row)) for row in rows)
    for some in _pieces(communities):
        found.communities.update(session.scalars(access.where(Community.id.in_(some))))
    for some in _pieces(users):
        found.users.update((row.id, row.is_admin) for row in session.execute(enabled.where(User.id.in_(some))))
        found.roles.update(_roles(session, some, communities))
    return found


def _roles(session: Session, users: list[str], communities: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    asked = select(Membership.community_id, Membership.user_id, Membership.role).where(Membership.user_id.in_(users))
    for some in _pieces(communities):
        for row in session.execute(asked.where(Membership.community_id.in_(some))):
            yield (row.community_id, row.user_id), row.role


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while piece := list(islice(rest, AT_ONCE)):
        yield piece
