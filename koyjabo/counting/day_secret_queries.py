"""Queries for the secrets of anonymous visits, by day."""

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from .models import DaySecret

ADD_DAY_SECRET = text("INSERT INTO day_secrets (day, secret) VALUES (:day, :secret) ON CONFLICT DO NOTHING")


def day_secret(session: Session, day: str) -> str | None:
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one_or_none()


def make_day_secret(session: Session, day: str, secret: str) -> str:
    """Store `secret`, unless the day already has one. Returns the day's secret."""
    session.execute(ADD_DAY_SECRET, {"day": day, "secret": secret})
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one()


def delete_day_secrets(session: Session, before: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))  # overwrites the deleted bytes
    session.execute(delete(DaySecret).where(DaySecret.day < before))
