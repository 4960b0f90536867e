"""Queries for API keys, within one transaction. The caller checks the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import Maker
from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.base.models import ApiKey, Community, User


class StoredKey(NamedTuple):
    """A key that has not been revoked, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    community_id: str | None  # None if the key belongs to the site
    prefix: str
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    community: str | None  # its name
    created_by: Maker | None  # None if unknown, the operator, or a deleted account


class FoundKey(NamedTuple):
    """The columns that decide whether a key may be used."""

    id: str
    name: str
    scopes: str
    community_id: str | None
    digest: str
    old_until_ms: int | None  # when the previous digest stops being valid
    expires_ms: int | None


STORED = (
    *(ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.community_id, ApiKey.prefix),
    *(ApiKey.created_ms, ApiKey.expires_ms, ApiKey.last_used_ms, Community.name, User.id, User.name),
)
FOUND = (
    *(ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.community_id),
    *(ApiKey.digest, ApiKey.old_until_ms, ApiKey.expires_ms),
)
NOT_REVOKED = ApiKey.revoked_ms.is_(None)


def add(session: Session, key: ApiKey) -> None:
    """Add a key. `created_by` is stored only if it is the id of a user."""
    key.created_by = session.scalar(select(User.id).where(User.id == key.created_by))
    session.add(key)
    session.flush()


def live(session: Session, now_ms: int) -> int:
    """The number of valid keys. Locks the count until the commit, so that only one transaction at a time
    can add a key.
    """
    lock_limit(session, ApiKey)
    usable = or_(ApiKey.expires_ms.is_(None), ApiKey.expires_ms > now_ms)
    return session.scalar(select(func.count()).select_from(ApiKey).where(NOT_REVOKED, usable)) or 0


def by_digest(session: Session, digest: str) -> FoundKey | None:
    query = select(*FOUND).where(or_(ApiKey.digest == digest, ApiKey.old_digest == digest), NOT_REVOKED)
    row = session.execute(query).one_or_none()
    return FoundKey._make(row) if row else None


def find(session: Session, key_id: str) -> StoredKey | None:
    return next(iter(_stored(session, ApiKey.id == key_id)), None)


def everything(session: Session) -> list[StoredKey]:
    """All keys, newest first."""
    return _stored(session)


def revoke(session: Session, key_id: str, now_ms: int) -> bool:
    """Revoke a key. Of several concurrent callers, exactly one gets True."""
    return changed_rows(session, update(ApiKey).where(ApiKey.id == key_id, NOT_REVOKED).values(revoked_ms=now_ms)) == 1


def rotate(session: Session, key_id: str, digest: str, old_until_ms: int) -> bool:
    """Replace the digest. The old one stays valid until `old_until_ms`. Returns False if the key was revoked."""
    values: dict[str, Any] = {"digest": digest, "old_digest": ApiKey.digest, "old_until_ms": old_until_ms}
    return changed_rows(session, update(ApiKey).where(ApiKey.id == key_id, NOT_REVOKED).values(**values)) == 1


def record_use(session: Session, used_ms: Mapping[str, int]) -> None:
    """Store when each key was last used, by id, unless another worker has written a later time."""
    for key_id, at_ms in sorted(used_ms.items()):
        is_later = or_(ApiKey.last_used_ms.is_(None), ApiKey.last_used_ms < at_ms)
        session.execute(update(ApiKey).where(ApiKey.id == key_id, is_later).values(last_used_ms=at_ms))


def _stored(session: Session, *which: ColumnElement[bool]) -> list[StoredKey]:
    query = select(*STORED).outerjoin(Community, Community.id == ApiKey.community_id)
    query = query.outerjoin(User, User.id == ApiKey.created_by).where(NOT_REVOKED, *which)
    rows = session.execute(query.order_by(ApiKey.created_ms.desc(), ApiKey.id))
    return [
        StoredKey._make([key_id, name, tuple(scopes.split()), *others, Maker(maker_id, maker) if maker_id else None])
        for key_id, name, scopes, *others, maker_id, maker in rows
    ]
