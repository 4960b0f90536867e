"""Queries for share links, within one transaction. The caller checks the rules."""

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, true, update
from sqlalchemy.orm import Session, contains_eager, joinedload

from koyjabo.base.core.identity import Account
from koyjabo.base.database.rows import Slice, changed_rows, length
from koyjabo.communities.roles import ADMIN, MODERATOR
from koyjabo.people.models import Community, Membership, User
from .models import Share

MAY_SHARE = (MODERATOR, ADMIN)


def add(session: Session, share: Share) -> Share:
    session.add(share)
    session.flush()
    return page(session, Share.id == share.id).items[0]


def count_of(session: Session, user_id: str) -> int:
    """The number of existing links that a user has created."""
    return session.scalar(select(func.count()).where(Share.created_by == user_id)) or 0


def page(session: Session, which: ColumnElement[bool], start: int = 0, count: int = 1) -> Slice[Share]:
    """A page of links with their community and maker, newest first."""
    query = select(Share).where(which)
    joined = query.options(joinedload(Share.community), joinedload(Share.maker, innerjoin=True))
    rows = session.scalars(joined.order_by(Share.created_ms.desc(), Share.id).offset(start).limit(count))
    return Slice(tuple(rows), length(session, query.with_only_columns(Share.id)))


def find(session: Session, share_id: str | None) -> Share | None:
    return next(iter(page(session, Share.id == share_id).items), None)


def of_account(account: Account) -> ColumnElement[bool]:
    """All links for a site admin; for others, the links of all communities that they moderate or administer."""
    return true() if account.is_admin else Share.community_id.in_(_moderated(account.id))


def moderates_some(session: Session, user_id: str) -> bool:
    return session.scalar(_moderated(user_id).limit(1)) is not None


def find_open(session: Session, digest: str, now_ms: int) -> Share | None:
    """The link with this token, if it has not expired and its creator may still see what it shows."""
    is_theirs = and_(Membership.community_id == Share.community_id, Membership.user_id == User.id)
    query = select(Share).join(Share.maker).outerjoin(Share.community).outerjoin(Membership, is_theirs)
    conditions = (
        Share.token_digest == digest,
        or_(Share.expires_ms.is_(None), Share.expires_ms > now_ms),
        or_(Share.community_id.is_(None), Community.archived_ms.is_(None)),
        User.disabled_ms.is_(None),
        or_(User.is_admin, Membership.role.in_(MAY_SHARE)),
    )
    return session.scalar(query.where(*conditions).options(contains_eager(Share.community)))


def record_use(session: Session, share_id: str, now_ms: int) -> None:
    session.execute(update(Share).where(Share.id == share_id).values(used_ms=now_ms))


def remove(session: Session, share_id: str) -> bool:
    """Delete a link. Of several concurrent callers, exactly one gets True."""
    removal = delete(Share).where(Share.id == share_id).execution_options(synchronize_session=False)
    return changed_rows(session, removal) == 1


def _moderated(user_id: str) -> Any:
    return select(Membership.community_id).where(Membership.user_id == user_id, Membership.role.in_(MAY_SHARE))
