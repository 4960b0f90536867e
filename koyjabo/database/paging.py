"""Paging of lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """One page of a list, and the length of the whole list."""

    items: tuple[Item, ...]
    total: int


def length(session: Session, wanted: Select[*tuple[Any, ...]]) -> int:
    """The number of rows of a query."""
    return session.scalar(select(func.count()).select_from(wanted.subquery())) or 0


def ordered_by(orders: Mapping[str, Any], order: str) -> ColumnElement[Any]:
    """The expression for a name in `orders`, descending with "-" in front; rows without a value are last."""
    column: ColumnElement[Any] = orders[order.removeprefix("-")]
    return (column.desc() if order.startswith("-") else column.asc()).nulls_last()
