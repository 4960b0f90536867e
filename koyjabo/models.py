"""The tables. `visits` is the truth; the others are derived from it in the transaction that writes it.

Times are ms since 1970-01-01 UTC by the server's clock unless a name says otherwise; days are `YYYY-MM-DD` in TIMEZONE.
"""

from __future__ import annotations

from typing import NewType

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.extensions import db

Scope = NewType("Scope", str)
"""What a number is about: `SITE`, or the id of one community."""

SITE = Scope("site")

# SQLite gives a table its row number for nothing only when the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Counter(db.Model):  # type: ignore[name-defined]
    """The newest figures of a scope. Its row is locked for a batch, which is what makes ordinals gapless."""

    __tablename__ = "counters"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)  # ms; base-36 on the wire
    visits: Mapped[int] = mapped_column(BigInteger)  # rows ever written; for the site, also the newest visits.id
    total: Mapped[int] = mapped_column(BigInteger)  # the newest ordinal: visits plus all adjustments
    unique_visitors: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)  # hybrid clock of the newest commit (SPEC: Words)


class Visit(db.Model):  # type: ignore[name-defined]
    """One registered opening of the app, numbered 1, 2, … without a gap by `id`."""

    __tablename__ = "visits"
    __table_args__ = (
        Index("uq_visits_visitor_visit", "visitor_id", "visit_id", unique=True),
        Index(
            "ix_visits_community",
            "scope",
            "id",
            sqlite_where=text("scope <> 'site'"),
            postgresql_where=text("scope <> 'site'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(BigInteger)  # what the visitor was told: id plus the adjustments of its time
    scope: Mapped[str] = mapped_column(String(64))  # a community's visit counts for the site too
    visitor_id: Mapped[str] = mapped_column(String(128))
    visit_id: Mapped[str] = mapped_column(String(128))  # the client's name for it, or one we made up ("~…")
    at_ms: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[str] = mapped_column(String(10))  # where it was counted, should TIMEZONE ever change
    hour_s: Mapped[int] = mapped_column(BigInteger)  # seconds, UTC, at which its local hour began
    client_ms: Mapped[int | None] = mapped_column(BigInteger)  # the client's word, kept and not trusted
    place: Mapped[str] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    page: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(String(36))  # whose it was, if they said so
    is_bot: Mapped[bool] = mapped_column(Boolean, server_default=false())  # a crawler that says it is one


class FoldedVisits(db.Model):  # type: ignore[name-defined]
    """Visits whose rows are gone, past RETENTION_DAYS or because their visitor was forgotten: what is left to count.

    As rollups are: a community's visit is in the sums of the site, too. These and the rows that are left make them.
    """

    __tablename__ = "folded_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)  # those of them that were a visitor's first in the scope


class ForgottenVisitors(db.Model):  # type: ignore[name-defined]
    """How many unique visitors of a scope are in `visitors` no longer, since they asked to be forgotten."""

    __tablename__ = "forgotten_visitors"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    visitors: Mapped[int] = mapped_column(BigInteger)


class ImportedVisits(db.Model):  # type: ignore[name-defined]
    """A stretch of ids in which visits are not in the order of their times, since some were brought from elsewhere."""

    __tablename__ = "imported_visits"

    after_visit: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    upto_visit: Mapped[int | None] = mapped_column(BigInteger)  # none, and no times, until the import is over
    first_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_ms: Mapped[int | None] = mapped_column(BigInteger)


class Visitor(db.Model):  # type: ignore[name-defined]
    """A visitor's first visit in a scope; there is one row for each, so that they can be counted as unique."""

    __tablename__ = "visitors"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    first_visit: Mapped[int] = mapped_column(BigInteger)  # visits.id
    user_id: Mapped[str | None] = mapped_column(String(36))  # whom they turned out to be, for visits that do not say


class DailyVisits(db.Model):  # type: ignore[name-defined]
    """Visits of a scope by local day."""

    __tablename__ = "daily_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)


class HourlyVisits(db.Model):  # type: ignore[name-defined]
    """Visits of a scope by local hour."""

    __tablename__ = "hourly_visits"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # seconds, UTC, at which the local hour began
    visits: Mapped[int] = mapped_column(BigInteger)
    new_visitors: Mapped[int] = mapped_column(BigInteger)


class Adjustment(db.Model):  # type: ignore[name-defined]
    """The total set by hand: the only permitted gap between ordinals (SPEC: Storage and scale)."""

    __tablename__ = "adjustments"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    after_visit: Mapped[int] = mapped_column(BigInteger)  # the newest visits.id when it was made
    total_before: Mapped[int] = mapped_column(BigInteger)
    total_after: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)  # in force from here on
    reason: Mapped[str] = mapped_column(Text)


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
    """The family of one refresh token: a login and whatever it was renewed to (SPEC: Accounts and communities)."""

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


class NightlyWork(db.Model):  # type: ignore[name-defined]
    """What is done once a day by one worker of all: the last day it was begun for, and by whom."""

    __tablename__ = "nightly_work"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10))
    worker: Mapped[str] = mapped_column(String(32))  # a name it gave itself for this time
    seen_ms: Mapped[int] = mapped_column(BigInteger)  # when it was last heard of
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)


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


class Person(db.Model):  # type: ignore[name-defined]
    """Somebody who was in a community: a user (`u:` and their id), or a visitor who is none (`v:` and their id)."""

    __tablename__ = "people"
    __table_args__ = (Index("uq_people_scope_person", "scope", "person", unique=True),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    person: Mapped[str] = mapped_column(String(130))
    last_day: Mapped[str] = mapped_column(String(10))  # the newest of their days


class PersonDay(db.Model):  # type: ignore[name-defined]
    """A day on which a person was in a community, and in which hours of it."""

    __tablename__ = "person_days"
    __table_args__ = {"sqlite_with_rowid": False}

    person_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("people.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    began_s: Mapped[int] = mapped_column(BigInteger)  # seconds, UTC, at which it began, should TIMEZONE ever change
    slots: Mapped[int] = mapped_column(BigInteger)  # a bit for each local hour, by half hours since the day began


class Return(db.Model):  # type: ignore[name-defined]
    """How many people came on `day` who had come on `previous_day` last; `""` for those who had never come.

    Distinct people of a range are those who came in it and had last come before it, so these sums give them exactly.
    """

    __tablename__ = "returns"
    __table_args__ = (
        Index(
            "ix_returns_first",
            "scope",
            "anonymous",
            sqlite_where=text("previous_day = ''"),
            postgresql_where=text("previous_day = ''"),
        ),
        {"sqlite_with_rowid": False},
    )

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    previous_day: Mapped[str] = mapped_column(String(10), primary_key=True)
    authenticated: Mapped[int] = mapped_column(BigInteger)
    anonymous: Mapped[int] = mapped_column(BigInteger)


class HourlyPeople(db.Model):  # type: ignore[name-defined]
    """People in a community by local hour."""

    __tablename__ = "hourly_people"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # seconds, UTC, at which the local hour began
    authenticated: Mapped[int] = mapped_column(BigInteger)
    anonymous: Mapped[int] = mapped_column(BigInteger)


class Conversion(db.Model):  # type: ignore[name-defined]
    """An anonymous visitor of a community who turned out to be a user, once."""

    __tablename__ = "conversions"
    __table_args__ = (Index("uq_conversions_scope_visitor", "scope", "visitor_id", unique=True),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # what moderators are told instead of the visitorId
    scope: Mapped[str] = mapped_column(String(64))
    visitor_id: Mapped[str] = mapped_column(String(128))
    user_id: Mapped[str] = mapped_column(String(36))
    at_ms: Mapped[int] = mapped_column(BigInteger)


class Peak(db.Model):  # type: ignore[name-defined]
    """The most people who were online in a community at once, by local day."""

    __tablename__ = "peaks"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    people: Mapped[int] = mapped_column(BigInteger)
    at_ms: Mapped[int] = mapped_column(BigInteger)


class AuditLine(db.Model):  # type: ignore[name-defined]
    """Who did what, written in the transaction that does it. Names are those of then; there are no addresses."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_actor", "actor_id", "id"), Index("ix_audit_log_action", "action", "id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    actor_id: Mapped[str | None] = mapped_column(String(36))  # a user's, or none: the operator at the command line
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    target_kind: Mapped[str] = mapped_column(String(16))
    target_id: Mapped[str] = mapped_column(String(36))
    target: Mapped[str] = mapped_column(String(254))
    details: Mapped[str] = mapped_column(Text)  # JSON
    place: Mapped[str] = mapped_column(Text)
