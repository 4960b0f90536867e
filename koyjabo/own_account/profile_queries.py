"""Queries for the name and the email of a user, as operations of the database executor."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.database.row_count import changed_rows
from koyjabo.errors import EmailTaken, UnknownUser
from koyjabo.models import User


def change(session: Session, user_id: str, name: str, email: str, email_key: str) -> None:
    """Raises EmailTaken by the unique key, also to all but one of several concurrent callers; UnknownUser."""
    changed = update(User).where(User.id == user_id).values(name=name, email=email, email_key=email_key)
    try:
        count = changed_rows(session, changed.execution_options(synchronize_session=False))
    except IntegrityError:
        raise EmailTaken from None
    if count != 1:
        raise UnknownUser
