"""Queries for share links, within one transaction. The caller checks the rules."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import Page, changed_rows, length
from koyjabo.base.models import Community, Membership, Share, User
from koyjabo.communities.roles import ADMIN, MODERATOR

Texts = dict[str, list[str]]
"""Values by dimension, written as in a query string (`koyjabo.reports.query.parameters`)."""

MAY_SHARE = (MODERATOR, ADMIN)


class ShareLink(NamedTuple):
    """A link as shown to the users who manage it."""

    id: str
    name: str
    filters: Texts
    range: str | None  # the default range
    has_password: bool
    created_ms: int
    created_by: str  # the name of the user
    expires_ms: int | None
    used_ms: int | None
    community_id: str | None  # the only community that it shows; None if it shows other visits, or all
    community: str | None  # its name


class OpenLink(NamedTuple):
    """A valid link and what it shows. `password` is a hash."""

    id: str
    name: str
    filters: Texts
    range: str | None
    password: str | None
    used_ms: int | None
    community_id: str | None
    community: str | None


LINK = (
    *(Share.id, Share.name, Share.filters, Share.range, Share.password.is_not(None), Share.created_ms),
    *(User.name, Share.expires_ms, Share.used_ms, Share.community_id, Community.name),
)
OPEN = (Share.id, Share.name, Share.filters, Share.range, Share.password, Share.used_ms, Share.community_id)


def add(session: Session, share: Share) -> None:
    session.add(share)
    session.flush()


def made_by(session: Session, user_id: str) -> int:
    """Return how many existing links a user has created."""
    return session.scalar(select(func.count()).where(Share.created_by == user_id)) or 0


def links(session: Session, which: ColumnElement[bool], start: int, count: int) -> Page[ShareLink]:
    """Return a page of links, newest first."""
    query = _joined(select(*LINK)).where(which)
    rows = session.execute(query.order_by(Share.created_ms.desc(), Share.id).offset(start).limit(count))
    page = tuple(ShareLink._make(row)._replace(filters=json.loads(row.filters)) for row in rows)
    return Page(page, length(session, query.with_only_columns(Share.id)))


EVERYTHING = Share.id.is_not(None)


def of_community(community_id: str) -> ColumnElement[bool]:
    return Share.community_id == community_id


def of_moderator(user_id: str) -> ColumnElement[bool]:
    """The links of all communities that the user moderates or administers."""
    return Share.community_id.in_(_moderated(user_id))


def moderates_some(session: Session, user_id: str) -> bool:
    return session.scalar(_moderated(user_id).limit(1)) is not None


def find(session: Session, share_id: str) -> ShareLink | None:
    matches = links(session, Share.id == share_id, 0, 1).items
    return matches[0] if matches else None


def find_open(session: Session, digest: str, now_ms: int) -> OpenLink | None:
    """Return the link with this token, if it has not expired and its creator may still see what it shows."""
    query = _joined(select(*OPEN, Community.name.label("community")))
    is_theirs = (Membership.community_id == Share.community_id) & (Membership.user_id == User.id)
    query = query.outerjoin(Membership, is_theirs)
    conditions = (
        Share.token_digest == digest,
        or_(Share.expires_ms.is_(None), Share.expires_ms > now_ms),
        or_(Share.community_id.is_(None), Community.archived_ms.is_(None)),
        User.disabled_ms.is_(None),
        or_(User.is_admin, Membership.role.in_(MAY_SHARE)),
    )
    row = session.execute(query.where(*conditions)).one_or_none()
    return OpenLink._make(row)._replace(filters=json.loads(row.filters)) if row else None


def record_use(session: Session, share_id: str, now_ms: int) -> None:
    session.execute(update(Share).where(Share.id == share_id).values(used_ms=now_ms))


def remove(session: Session, share_id: str) -> bool:
    """Delete a link. Of several concurrent callers, exactly one gets True."""
    removal = delete(Share).where(Share.id == share_id).execution_options(synchronize_session=False)
    return changed_rows(session, removal) == 1


def _joined(query: Any) -> Any:
    joined = query.select_from(Share).join(User, User.id == Share.created_by)
    return joined.outerjoin(Community, Community.id == Share.community_id)


def _moderated(user_id: str) -> Any:
    return select(Membership.community_id).where(Membership.user_id == user_id, Membership.role.in_(MAY_SHARE))
