"""Queries for the rows that permissions depend on, within one transaction."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import site_role
from koyjabo.base.settings.schema import Policy
from koyjabo.people.accounts.models import LoginSession
from koyjabo.people.accounts.queries import FAMILY_COLUMNS, Family, permitted
from koyjabo.people.audit.models import AccessVersion
from koyjabo.people.models import Community, Membership, User
from .queries import IDS_PER_QUERY, IS_NOT_ARCHIVED

Item = TypeVar("Item")


class AccessFacts(NamedTuple):
    sessions: dict[str, Family]  # only active ones
    users: dict[str, str]  # their role on the site; only users that are not disabled
    communities: dict[str, Row[str, bool, bool, str | None, bool]]
    """Their `is_listed`, `public_count`, `ref` and `members_see_online`."""

    roles: dict[tuple[str, str], str]  # by community and user


def access_facts(
    session: Session, sessions: Collection[str], users: Collection[str], communities: Collection[str], policy: Policy
) -> AccessFacts:
    """Look up these ids. The result leaves out revoked sessions, sessions of users who are not `permitted`, disabled
    users, archived communities and unknown ids.
    """
    live = select(*FAMILY_COLUMNS).where(LoginSession.revoked_ms.is_(None))
    if policy != "none":
        live = live.join(User, User.id == LoginSession.user_id).where(*permitted(policy))
    enabled = select(User.id, User.is_admin, User.is_viewer).where(User.disabled_ms.is_(None))
    columns = Community.id, Community.is_listed, Community.public_count, Community.ref, Community.members_see_online
    active = select(*columns).where(IS_NOT_ARCHIVED)
    facts = AccessFacts({}, {}, {}, {})
    for ids in _chunks(sessions):
        rows = session.execute(live.where(LoginSession.id.in_(ids)))
        facts.sessions.update((row.id, Family._make(row)) for row in rows)
    for ids in _chunks(communities):
        facts.communities.update((row.id, row) for row in session.execute(active.where(Community.id.in_(ids))))
    for ids in _chunks(users):
        rows = session.execute(enabled.where(User.id.in_(ids)))
        facts.users.update((row.id, site_role(row.is_admin, row.is_viewer)) for row in rows)
        facts.roles.update(_roles(session, ids, communities))
    return facts


def people_version(session: Session) -> int:
    return session.scalars(select(AccessVersion.people)).one()


def _roles(session: Session, users: list[str], communities: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    memberships = select(Membership.community_id, Membership.user_id, Membership.role).where(
        Membership.user_id.in_(users)
    )
    for ids in _chunks(communities):
        for row in session.execute(memberships.where(Membership.community_id.in_(ids))):
            yield (row.community_id, row.user_id), row.role


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, IDS_PER_QUERY)):
        yield chunk
