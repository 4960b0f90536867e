"""Queries for the name and the email of a user, as operations of the database executor."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.accounts.queries import Person, unchanged
from koyjabo.core.errors import EmailTaken, WrongCredentials
from koyjabo.core.i18n import N_
from koyjabo.database.row_count import changed_rows
from koyjabo.models import User

OVERTAKEN = N_("Your account was changed meanwhile. Nothing was saved; please try again.")


def change(session: Session, person: Person, name: str, email: str, email_key: str) -> None:
    """Raises EmailTaken by the unique key, also to all but one of several concurrent callers. Raises WrongCredentials
    if the email or the password has changed since it was verified: another request may have confirmed another email, or
    the account may have been taken over.
    """
    changed = update(User).where(*unchanged(person)).values(name=name, email=email, email_key=email_key)
    try:
        count = changed_rows(session, changed.execution_options(synchronize_session=False))
    except IntegrityError:
        raise EmailTaken from None
    if count != 1:
        raise WrongCredentials(OVERTAKEN)
