"""Queries for the secrets of days, as operations of the database executor."""

from __future__ import annotations

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from koyjabo.models import DaySecret

ADD = text("INSERT INTO day_secrets (day, secret) VALUES (:day, :secret) ON CONFLICT DO NOTHING")


def find(session: Session, day: str) -> str | None:
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one_or_none()


def make(session: Session, day: str, secret: str) -> str:
    """Store `secret`, unless the day has one. Returns the secret of the day."""
    session.execute(ADD, {"day": day, "secret": secret})
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one()


def delete_before(session: Session, day: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))  # overwrites the deleted bytes
    session.execute(delete(DaySecret).where(DaySecret.day < day))
