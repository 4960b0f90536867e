"""The two sources of rows, `visit_facts` and the tail, with the same columns, so that one filter serves both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSON

from koyjabo.models import Address, Traits, VisitFact
from koyjabo.reports.query.dimensions import TRAITS

NUMBERS = ("visit_id", "visitor", "day", "hour_s", "new_in")
ADDRESSES = {"page": VisitFact.page_id, "referrer": VisitFact.referrer_id}
TEXTS = ("scope", *ADDRESSES, *TRAITS)

AFTER, UPTO = "after", "upto"
"""Parameters: ids of visits over the first, up to the second."""

Column = ColumnElement[Any]


class Arm(Protocol):
    """Dimensions are those of a row itself: ADDRESSES and TRAITS."""

    @property
    def source(self) -> FromClause:
        """What to select from. Read it last: `value` adds joins."""

    def bounds(self) -> Sequence[Column]:
        """Conditions: the rows of a piece."""

    def column(self, name: str) -> Column:
        """One of NUMBERS, or `scope`."""

    def value(self, dimension: str) -> Column:
        """The text of a dimension, to group by."""

    def is_none(self, dimension: str) -> Column:
        """Whether it was not recorded."""

    def among(self, dimension: str, texts: Collection[str]) -> Column:
        """Whether it is one of these texts; may be NULL if it was not recorded."""


class Facts:
    def __init__(self) -> None:
        self.source: FromClause = VisitFact.__table__
        self._has_traits = False

    def bounds(self) -> Sequence[Column]:
        return bounds(VisitFact.__table__.c.visit_id)

    def column(self, name: str) -> Column:
        return VisitFact.__table__.c[name]

    def value(self, dimension: str) -> Column:
        if dimension in ADDRESSES:
            addresses = Address.__table__.alias(dimension)
            self.source = self.source.outerjoin(addresses, addresses.c.id == ADDRESSES[dimension])
            return addresses.c.text
        if not self._has_traits:
            self._has_traits = True
            self.source = self.source.join(Traits.__table__, Traits.id == VisitFact.traits_id)
        return Traits.__table__.c[dimension]

    def is_none(self, dimension: str) -> Column:
        if dimension in ADDRESSES:
            return ADDRESSES[dimension].is_(None)
        return VisitFact.traits_id.in_(select(Traits.id).where(getattr(Traits, dimension).is_(None)))

    def among(self, dimension: str, texts: Collection[str]) -> Column:
        if dimension in ADDRESSES:
            return ADDRESSES[dimension].in_(select(Address.id).where(Address.text.in_(texts)))
        return VisitFact.traits_id.in_(select(Traits.id).where(getattr(Traits, dimension).in_(texts)))


class Tail:
    """The rows of the parameter `tail`: JSON, a list of objects."""

    def __init__(self, dialect: str) -> None:
        rows = bindparam("tail", type_=String)
        self._is_sqlite = dialect == "sqlite"
        if self._is_sqlite:
            self.source: FromClause = func.json_each(rows).table_valued("value", name="tail")
        else:
            numbers = [column(name, BigInteger) for name in NUMBERS]
            texts = [column(name, String) for name in TEXTS]
            found = func.json_to_recordset(cast(rows, JSON)).table_valued(*numbers, *texts, name="tail")
            self.source = found.render_derived(with_types=True)

    def bounds(self) -> Sequence[Column]:
        return ()

    def column(self, name: str) -> Column:
        if not self._is_sqlite:
            return self.source.c[name]
        return func.json_extract(self.source.c.value, f"$.{name}", type_=BigInteger if name in NUMBERS else String)

    def value(self, dimension: str) -> Column:
        return self.column(dimension)

    def is_none(self, dimension: str) -> Column:
        return self.column(dimension).is_(None)

    def among(self, dimension: str, texts: Collection[str]) -> Column:
        return self.column(dimension).in_(texts)


def bounds(visit_id: Column) -> Sequence[Column]:
    return visit_id > bindparam(AFTER), visit_id <= bindparam(UPTO)
