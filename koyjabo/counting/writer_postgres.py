"""Writes batches of visits, or of events, to PostgreSQL through one connection."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Generic, NamedTuple

import psycopg2
from sqlalchemy.engine import URL

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.batch_worker import Item, Result
from koyjabo.base.database.postgres import (
    UNAVAILABLE_STATES,
    PostgresConnection,
    PostgresLink,
    was_refused,
)
from koyjabo.base.database.sequences_postgres import gave_used_number, raise_sequences
from .high_water import DatabaseRolledBack


class Planned(NamedTuple):
    """A batch that may have been committed."""

    rows: list[tuple[Any, ...]]
    outcomes: list[Any]


def stored_query(table: str, key: str, columns: Sequence[str]) -> str:
    """The query of `are_stored` for rows with these columns."""
    key_at, id_at, at_ms, visitor = map(columns.index, (key, "id", "at_ms", "visitor_id"))
    return f"""
SELECT bool_and((
    SELECT true FROM {table} t WHERE t.visitor_id = r->>{visitor} AND t.{key} = r->>{key_at}
    AND t.id = (r->>{id_at})::bigint AND t.at_ms = (r->>{at_ms})::bigint
) IS NOT NULL) FROM jsonb_array_elements(%s) r
"""


def are_stored(cursor: Any, query: str, first: Planned) -> bool:
    """Whether an attempt was committed. Rows that another process has stored have another `at_ms`."""
    cursor.execute(query, [json.dumps(first.rows)])
    return bool(cursor.fetchone() == (True,))


class PostgresWriter(Generic[Item, Result]):
    """The connection is used by one thread."""

    unavailable = UNAVAILABLE_STATES

    def __init__(self, url: URL, clock: Clock) -> None:
        self._clock = clock
        self._link = PostgresLink(url)
        self._planned: Planned | None = None  # by the last attempt

    def writing(self) -> AbstractContextManager[object]:
        """Lock nothing, because servers queue for a lock in the database."""
        return nullcontext()

    def commit(self, batch: list[Item]) -> list[Result]:
        """Write `batch` in one transaction.

        After a broken connection, tries once more on a new one. If the first attempt was committed after all, its
        outcomes are returned, so its rows are not marked as retries. Also tries once more if a sequence was behind.
        """
        fresh = not self._link.is_open
        self._planned = None
        try:
            return self._attempt(batch)
        except self.unavailable as error:
            if was_refused(error) or (fresh and not self._planned):
                raise
        except psycopg2.errors.UniqueViolation as error:
            if not gave_used_number(error):
                raise
            self._planned = None
            with self._link.connection().cursor() as cursor:
                raise_sequences(cursor.execute)
        return self._attempt(batch, self._planned)

    def _attempt(self, batch: list[Item], first: Planned | None = None) -> list[Result]:
        """Try to write the batch. `first` is an attempt that may have been committed."""
        connection = self._link.connection()
        try:
            with connection.cursor() as cursor:
                return self._write(batch, connection, cursor, first)
        except DatabaseRolledBack:
            with suppress(*UNAVAILABLE_STATES), connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
            raise
        except BaseException:
            self._link.close()
            raise

    def _write(
        self, batch: list[Item], connection: PostgresConnection, cursor: Any, first: Planned | None
    ) -> list[Result]:
        raise NotImplementedError

    def interrupt(self) -> None:
        self._link.interrupt()

    def close(self) -> None:
        self._link.close()
