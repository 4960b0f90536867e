"""How tables are derived from the ledger, and what their rows must follow."""

from typing import NamedTuple, Self

from sqlalchemy import TextClause

from koyjabo.base.database.json_rows import key_and_sums
from koyjabo.base.models import Model


class SumTable(NamedTuple):
    """A table with two sums per key. `select` returns keys and `values` for a piece of `read`; pieces are added up by
    key.
    """

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    read: str
    select: TextClause

    @classmethod
    def of(cls, model: type[Model], read: str, select: TextClause) -> Self:
        return cls(model.__tablename__, *key_and_sums(model), read, select)


class Invariant(NamedTuple):
    """A rule that rows of `table` must follow. `select` counts the rows in a piece of `read` that break it, and the
    statements in `repair` fix them.
    """

    table: str
    problem: str
    read: str
    select: TextClause
    repair: tuple[TextClause, ...] = ()
