"""Lists that are read by the page."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """A stretch of a list, and how long the whole list is."""

    items: tuple[Item, ...]
    total: int


def length(session: Session, wanted: Select) -> int:
    """How many rows there are of it."""
    return session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
