"""Tables that record when people were in a community. The community's reports are computed from them."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models.columns import BigKey, Model, partial_index


class Person(Model):
    """A person who was in a community: a user (`u:` plus id) or a visitor without an account (`v:` plus id)."""

    __tablename__ = "people"
    __table_args__ = (Index("uq_people_scope_person", "scope", "person", unique=True),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    scope: Mapped[str] = mapped_column(String(64))
    person: Mapped[str] = mapped_column(String(130))
    last_day: Mapped[str] = mapped_column(String(10))  # the last day they were there


class PersonDay(Model):
    """A day when a person was in a community, and the hours they were there."""

    __tablename__ = "person_days"
    __table_args__ = {"sqlite_with_rowid": False}

    person_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("people.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    began_s: Mapped[int] = mapped_column(BigInteger)  # start of the day, s since 1970 UTC, in TIMEZONE at that time
    slots: Mapped[int] = mapped_column(BigInteger)  # one bit per local hour, counted in half hours from `began_s`


class Return(Model):
    """The number of people who came on `day` and had last been there on `previous_day` (`""` if it was their first
    day). Adding up a range's rows whose previous day is before the range gives the exact number of distinct people
    in it.
    """

    __tablename__ = "returns"
    __table_args__ = (
        partial_index("ix_returns_first", "scope", "anonymous", where="previous_day = ''"),
        {"sqlite_with_rowid": False},
    )

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    previous_day: Mapped[str] = mapped_column(String(10), primary_key=True)
    authenticated: Mapped[int] = mapped_column(BigInteger)
    anonymous: Mapped[int] = mapped_column(BigInteger)


class HourlyPeople(Model):
    """The number of people in a community in one local hour."""

    __tablename__ = "hourly_people"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour_s: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # start of the local hour, s since 1970 UTC
    authenticated: Mapped[int] = mapped_column(BigInteger)
    anonymous: Mapped[int] = mapped_column(BigInteger)


class Conversion(Model):
    """The first time an anonymous visitor to a community became a user."""

    __tablename__ = "conversions"
    __table_args__ = (
        Index("uq_conversions_scope_visitor", "scope", "visitor_id", unique=True),
        Index("ix_conversions_user", "user_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # shown to moderators instead of the visitorId
    scope: Mapped[str] = mapped_column(String(64))
    visitor_id: Mapped[str] = mapped_column(String(128))
    user_id: Mapped[str] = mapped_column(String(36))
    at_ms: Mapped[int] = mapped_column(BigInteger)


class Peak(Model):
    """The largest number of people online in a community at once, by local day."""

    __tablename__ = "peaks"
    __table_args__ = {"sqlite_with_rowid": False}

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    people: Mapped[int] = mapped_column(BigInteger)
    at_ms: Mapped[int] = mapped_column(BigInteger)
