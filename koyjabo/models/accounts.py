"""Users, how they log in, and the communities they belong to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.extensions import db
from koyjabo.models.columns import BigKey


class User(db.Model):  # type: ignore[name-defined]
    """A person with an account. Ids of users, sessions and communities are UUIDs as text."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))  # as they wrote it
    email_key: Mapped[str] = mapped_column(String(254), unique=True)  # as it is compared
    name: Mapped[str] = mapped_column(String(200))
    password: Mapped[str] = mapped_column(Text)  # Argon2, with its parameters
    is_admin: Mapped[bool] = mapped_column(Boolean)  # of the site, and so everywhere
    created_ms: Mapped[int] = mapped_column(BigInteger)
    disabled_ms: Mapped[int | None] = mapped_column(BigInteger)


class LoginSession(db.Model):  # type: ignore[name-defined]
    """A login, with all tokens that were renewed from it (specification: Sessions and tokens)."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_id: Mapped[str] = mapped_column(String(36))  # of the one refresh token that is still good
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)
    renewed_ms: Mapped[int | None] = mapped_column(BigInteger)  # when it was last used to renew its tokens
    user_agent: Mapped[str | None] = mapped_column(Text)  # of the login, cut; for the owner's list of sessions
    place: Mapped[str | None] = mapped_column(Text)  # of the login


class LoginFailures(db.Model):  # type: ignore[name-defined]
    """How often logging in to an account has failed since `began_ms`, whether there is such an account or not."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_began", "began_ms"), {"sqlite_with_rowid": False})

    account: Mapped[str] = mapped_column(String(64), primary_key=True)  # a keyed hash of the email
    failures: Mapped[int] = mapped_column(Integer)
    began_ms: Mapped[int] = mapped_column(BigInteger)


class Community(db.Model):  # type: ignore[name-defined]
    """A community, whose id is also the scope of its numbers: it has a row in `counters`."""

    __tablename__ = "communities"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    is_open: Mapped[bool] = mapped_column(Boolean)  # whoever likes may join
    is_listed: Mapped[bool] = mapped_column(Boolean)  # those who are no members may know of it
    created_ms: Mapped[int] = mapped_column(BigInteger)
    archived_ms: Mapped[int | None] = mapped_column(BigInteger)  # for all but the panel it is gone; no counter


class Membership(db.Model):  # type: ignore[name-defined]
    """Who belongs to a community, as `member`, `moderator` or `admin`."""

    __tablename__ = "memberships"

    community_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(16))
    joined_ms: Mapped[int] = mapped_column(BigInteger)


class AccessVersion(db.Model):  # type: ignore[name-defined]
    """One row: how often anybody has lost a right (a session, a membership, a role), so that every server notices."""

    __tablename__ = "access_version"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
