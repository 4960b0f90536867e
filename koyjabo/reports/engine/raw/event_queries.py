"""Conditions on the events of a visit, and the values of their dimensions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import FromClause, String, and_, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from koyjabo.models import Event
from koyjabo.reports.engine.raw.arm_queries import Arm, Column, bounds
from koyjabo.reports.events.event_plan import EVENT, PROPERTIES, VIEWED_PAGE, property_of
from koyjabo.reports.events.records import PAGEVIEW

EVENTS = Event.__table__


class Property(FunctionElement[Any]):
    """Property(props, name): the text of a property; NULL if there is none."""

    type = String()
    inherit_cache = True


@compiles(Property, "sqlite")
def _of_sqlite(element: Property, compiler: Any, **options: Any) -> str:
    props, name = (compiler.process(each, **options) for each in element.clauses)
    return f"({props} ->> {name})"


@compiles(Property, "postgresql")
def _of_postgresql(element: Property, compiler: Any, **options: Any) -> str:
    props, name = (compiler.process(each, **options) for each in element.clauses)
    return f"(CAST({props} AS json) ->> CAST({name} AS text))"


def is_of_events(dimension: str) -> bool:
    return dimension in (VIEWED_PAGE, EVENT) or is_of_a_property(dimension)


def value(dimension: str, events: FromClause = EVENTS) -> Column:
    """The value that an event has."""
    if dimension == VIEWED_PAGE:
        return events.c.page
    if dimension == EVENT:
        return events.c.name
    return Property(events.c.props, property_of(dimension)[1])


def counts(dimension: str, events: FromClause = EVENTS) -> Column:
    """Whether an event has a value of the dimension, or none where others of its kind have one."""
    if dimension == VIEWED_PAGE:
        return events.c.name == PAGEVIEW
    if dimension == EVENT:
        return events.c.name != PAGEVIEW
    return events.c.name == property_of(dimension)[0]


def is_of_a_property(dimension: str) -> bool:
    return dimension.startswith(PROPERTIES)


def among(arm: Arm, dimension: str, texts: Collection[str]) -> Column:
    """Whether such an event belongs to the visit; for VIEWED_PAGE, the page that was opened first counts as well."""
    if dimension == EVENT:  # also by the name of page views
        return _has(arm, EVENTS.c.name.in_(texts))
    viewed = _has(arm, counts(dimension), value(dimension).in_(texts))
    if dimension == VIEWED_PAGE:
        return or_(and_(not_(arm.is_none("page")), arm.among("page", texts)), viewed)
    return viewed


def is_none(arm: Arm, dimension: str) -> Column:
    """Whether no such event belongs to the visit."""
    has_none = not_(_has(arm, counts(dimension), value(dimension).is_not(None)))
    return and_(arm.is_none("page"), has_none) if dimension == VIEWED_PAGE else has_none


def _has(arm: Arm, *which: Column) -> Column:
    """Events of the piece alone are read: `events` has an index by visit."""
    return arm.column("visit_id").in_(select(EVENTS.c.visit_id).where(*bounds(EVENTS.c.visit_id), *which))
