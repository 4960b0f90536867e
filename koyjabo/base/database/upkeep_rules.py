"""What features say about their rows, each in its `upkeep_queries.py`: which rows expire, and what happens to them when
an account is deleted or taken over, a visitor is erased, or a backup is restored. `koyjabo.upkeep` runs these rules in
its transactions, without knowing whose rows they are.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.registry import Registry
from .rows import change_in_database

RULES_OF_FEATURES: Registry[str, "UpkeepRules"] = Registry()
"""The rules by reference, in the order of the features. `application.features` fills it (`UPKEEP`)."""


RemoveRows = Callable[[Session, int, int], int]
"""Removes rows that ended before a moment (ms), up to a number of them. Returns how many; 0 if none are left."""


class ExpiringRows(NamedTuple):
    table: str
    remove: RemoveRows


class UpkeepRules:
    """The rules for one feature's rows. A feature overrides those that concern it. The methods run in the caller's
    transaction, in the order of the features, which is also an order of locks: a rule locks only its feature's rows.
    """

    expiring: tuple[ExpiringRows, ...] = ()
    """Rows that are removed once they have expired."""

    ageing: tuple[ExpiringRows, ...] = ()
    """Rows that are removed after RETENTION_DAYS."""

    signs_of_use: tuple[ColumnElement[bool], ...] = ()
    """Conditions that are true for a database that people use, which a restore would replace."""

    def blocks_deletion(self, session: Session, user_id: str, language: str) -> dict[str, str]:
        """What must change before an account can be deleted: names in a language, by id."""
        return {}

    def lock_account(self, session: Session, user_id: str) -> None:
        """Check and lock rows before an account is deleted, and before its user is locked. May raise LastAdmin."""

    def records_about(self, session: Session, user_id: str, name: str) -> list[int]:
        """The ids of permanent records that name a user. They are read in a report."""
        return []

    def strip_records(self, session: Session, ids: list[int], size: int) -> list[int]:
        """Remove the user from `size` records. Returns the remaining ids."""
        return []

    def detach_account(self, session: Session, user_id: str, size: int) -> int:
        """Remove the user from up to `size` rows that stay. Returns how many have been changed."""
        return 0

    def release_account(self, session: Session, user_id: str) -> None:
        """Remove a user from rows that the deletion of the user's row does not delete."""

    def revoke_created_by(self, session: Session, user_id: str) -> None:
        """Revoke what a user has created and others may use, when someone else takes the account over."""

    def erase_visitor(self, session: Session, visitor_id: str) -> None:
        """Remove a visitor's id from rows, after all visits have lost it."""

    def reduce_visitors(self, session: Session, scope: str, visitor_ids: list[str]) -> None:
        """Remove from rows the visitors whose visits to a community are all reduced, before `visitors` loses them."""

    def reduce_rows(self, session: Session, before_ms: int, size: int) -> int:
        """Remove visitors from up to `size` rows from before a moment (RETENTION_DAYS). Returns how many."""
        return 0

    def version(self, connection: Connection) -> int:
        """A number that has to increase when a backup is restored, so that all servers notice it."""
        return 0

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        """Revoke what may have been used or revoked since a restored backup, and store the version."""

    def problems(self, session: Session, clock: Clock, columns: Any) -> Iterable[str]:
        """Compare sums with `columns` in a recount. Yields a sentence for each difference."""
        return ()

    def discard_sums(self, session: Session) -> None:
        """Discard sums with problems, so that they are computed again."""

    def discard_days(self, session: Session) -> None:
        """Discard sums by day, because rows were moved to other days."""


def all_rules() -> Iterable[UpkeepRules]:
    """The rules of all features, in order."""
    return RULES_OF_FEATURES.values()


def expiring(key: Any, kept_ms: int = 0) -> ExpiringRows:
    """Rows that are removed `kept_ms` after they have expired, of a table with the primary key `key` and the column
    `expires_ms`.
    """

    def remove(session: Session, before_ms: int, size: int) -> int:
        return remove_rows(session, key, size, key.class_.expires_ms <= before_ms - kept_ms)

    return ExpiringRows(key.class_.__tablename__, remove)


def remove_rows(session: Session, key: Any, size: int, which: ColumnElement[bool]) -> int:
    """Remove up to `size` rows of the table with this primary key. Returns how many."""
    some = select(key).where(which).limit(size)
    return change_in_database(session, delete(key.class_).where(key.in_(some)))


def change_rows(session: Session, key: Any, size: int, which: ColumnElement[bool], **values: Any) -> int:
    """Change up to `size` rows of the table with this primary key. Returns how many."""
    some = select(key).where(which).limit(size)
    return change_in_database(session, update(key.class_).where(key.in_(some)).values(**values))
