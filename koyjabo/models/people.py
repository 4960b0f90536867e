"""Who was in a community and when: what its reports are made of."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.extensions import db
from koyjabo.models.columns import BigKey


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
