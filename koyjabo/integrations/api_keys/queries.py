"""Queries for API keys, within one transaction. The caller checks the rules."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from koyjabo.base.core.identity import uuid_of
from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.people.models import User
from .errors import UnknownKey
from .models import ApiKey

IS_NOT_REVOKED = ApiKey.revoked_ms.is_(None)


def count_live(session: Session, now_ms: int) -> int:
    """The number of valid keys. Locks the count until the commit, so that only one transaction at a time
    can add a key.
    """
    lock_limit(session, ApiKey)
    is_live = or_(ApiKey.expires_ms.is_(None), ApiKey.expires_ms > now_ms)
    return session.scalar(select(func.count()).select_from(ApiKey).where(IS_NOT_REVOKED, is_live)) or 0


def add(session: Session, key: ApiKey) -> None:
    """Add a key. `created_by` is only stored if it is the id of a user; it may also be an API key."""
    key.created_by = session.scalar(select(User.id).where(User.id == key.created_by))
    session.add(key)
    session.flush()


def by_digest(session: Session, digest: str) -> ApiKey | None:
    """The key with this digest, or the key that had it before its last rotation."""
    return session.scalar(
        select(ApiKey).where(or_(ApiKey.digest == digest, ApiKey.old_digest == digest), IS_NOT_REVOKED)
    )


def find(session: Session, key_id: str) -> ApiKey:
    """One key. Raises UnknownKey."""
    for key in everything(session, ApiKey.id == uuid_of(key_id)):
        return key
    raise UnknownKey


def everything(session: Session, *which: ColumnElement[bool]) -> list[ApiKey]:
    """The keys with their community and maker, newest first."""
    query = select(ApiKey).options(joinedload(ApiKey.community), joinedload(ApiKey.maker)).where(IS_NOT_REVOKED, *which)
    return list(session.scalars(query.order_by(ApiKey.created_ms.desc(), ApiKey.id)))


def revoke(session: Session, key: ApiKey, at_ms: int) -> None:
    """Revoke a key. Of several concurrent callers, only one succeeds. Raises UnknownKey."""
    if changed_rows(session, update(ApiKey).where(ApiKey.id == key.id, IS_NOT_REVOKED).values(revoked_ms=at_ms)) != 1:
        raise UnknownKey


def rotate(session: Session, key: ApiKey, digest: str, old_until_ms: int) -> bool:
    """Replace the digest of a key. Returns False if the key was revoked or rotated after it was read."""
    unchanged = (ApiKey.id == key.id, ApiKey.digest == key.digest, IS_NOT_REVOKED)
    values = {"digest": digest, "old_digest": key.digest, "old_until_ms": old_until_ms}
    return changed_rows(session, update(ApiKey).where(*unchanged).values(**values)) == 1


def record_use(session: Session, used_ms: Mapping[str, int]) -> None:
    """Store when each key was last used, by id, unless another worker has written a later time."""
    for key_id, at_ms in sorted(used_ms.items()):
        is_later = or_(ApiKey.last_used_ms.is_(None), ApiKey.last_used_ms < at_ms)
        session.execute(update(ApiKey).where(ApiKey.id == key_id, is_later).values(last_used_ms=at_ms))
