"""The conditions of a question on facts and their events, for both databases."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, FromClause, String, and_, bindparam, case, exists, func, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from koyjabo.models import SITE, Address, Event, Scope, Traits, Visit, VisitFact
from koyjabo.reports.engine.groups import VISITOR_KIND
from koyjabo.reports.events.event_plan import EVENT, VIEWED_PAGE, property_of
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.projection.reading_queries import IN_COMMUNITY, ON_SITE
from koyjabo.reports.query.dimensions import NEW, RETURNING, has_many
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.ranges import day_number
from koyjabo.reports.query.report_query import Filter, Question

AFTER, UPTO = "after", "upto"
"""Parameters of a piece: ids of visits over the first, up to the second."""

HOUR_S = 3600
NO_ADDRESS = 0
"""No id."""

ADDRESSES = {"page": VisitFact.page_id, "referrer": VisitFact.referrer_id}
EVENTS = Event.__table__

Column = ColumnElement[Any]


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


def is_new(scope: Scope) -> Column:
    """Whether a visit is its visitor's first in the scope."""
    return VisitFact.new_in.bitwise_and(ON_SITE if scope == SITE else IN_COMMUNITY) != 0


def piece(visit_id: Any) -> tuple[Column, Column]:
    return visit_id > bindparam(AFTER), visit_id <= bindparam(UPTO)


def conditions(question: Question) -> Iterator[Column]:
    """Those on the facts of a piece."""
    yield from piece(VisitFact.visit_id)
    yield VisitFact.day.between(day_number(question.first), day_number(question.last))
    if question.scope != SITE:
        yield VisitFact.scope == question.scope
    if question.until_ms is not None:
        yield _before(question.until_ms)
    for dimension, filter_ in question.filters.items():
        yield from _passes(dimension, filter_, question.scope)


def event_value(dimension: str, events: FromClause = EVENTS) -> Column:
    """The value that an event has."""
    if dimension == VIEWED_PAGE:
        return events.c.page
    return events.c.name if dimension == EVENT else Property(events.c.props, property_of(dimension)[1])


def counts(dimension: str, events: FromClause = EVENTS) -> Column:
    """Whether an event has a value of the dimension, or none where others of its kind have one."""
    if dimension == EVENT:
        return events.c.name != PAGEVIEW
    return events.c.name == (PAGEVIEW if dimension == VIEWED_PAGE else property_of(dimension)[0])


def _before(moment_ms: int) -> Column:
    """Counted before a moment: facts have the hour, and visits of that hour the exact time."""
    in_time = exists().where(Visit.id == VisitFact.visit_id, Visit.at_ms < moment_ms)
    return or_(VisitFact.hour_s <= moment_ms // 1000 - HOUR_S, and_(VisitFact.hour_s * 1000 < moment_ms, in_time))


def _passes(dimension: str, filter_: Filter, scope: Scope) -> Iterator[Column]:
    """`Filter.passes` in SQL."""
    if filter_.any_of:
        texts = [each for each in filter_.any_of if each is not None]
        any_of = [_among(dimension, texts, scope)] if texts else []
        yield or_(*any_of, *([_is_none(dimension)] if None in filter_.any_of else []))
    if texts := [each for each in filter_.none_of if each is not None]:
        yield or_(_is_none(dimension), not_(_among(dimension, texts, scope)))
    if None in filter_.none_of:
        yield not_(_is_none(dimension))


def _among(dimension: str, texts: Collection[str], scope: Scope) -> Column:
    """Whether a value is one of these texts; may be NULL if none was recorded."""
    if dimension == VISITOR_KIND:
        return case((is_new(scope), NEW), else_=RETURNING).in_(texts)
    if dimension == COMMUNITY:
        return and_(VisitFact.scope != SITE, VisitFact.scope.in_(texts))
    if has_many(dimension):
        return _has_event_among(dimension, texts)
    if dimension in ADDRESSES:
        return ADDRESSES[dimension].in_([_id_of(text) for text in texts])
    return VisitFact.traits_id.in_(select(Traits.id).where(getattr(Traits, dimension).in_(texts)))


def _id_of(text: str) -> Column:
    """Of an address. Databases look it up once, while PostgreSQL may join `IN (SELECT …)` to each fact."""
    return func.coalesce(select(Address.id).where(Address.text == text).scalar_subquery(), NO_ADDRESS)


def _is_none(dimension: str) -> Column:
    if dimension == VISITOR_KIND:
        return VisitFact.visit_id.is_(None)  # never
    if dimension == COMMUNITY:
        return VisitFact.scope == SITE
    if has_many(dimension):
        has_none = not_(_has_event(counts(dimension), event_value(dimension).is_not(None)))
        return and_(VisitFact.page_id.is_(None), has_none) if dimension == VIEWED_PAGE else has_none
    if dimension in ADDRESSES:
        return ADDRESSES[dimension].is_(None)
    return VisitFact.traits_id.in_(select(Traits.id).where(getattr(Traits, dimension).is_(None)))


def _has_event_among(dimension: str, texts: Collection[str]) -> Column:
    """Whether such an event belongs to the visit; for VIEWED_PAGE, the page that was opened first counts as well."""
    if dimension == EVENT:  # also by the name of page views
        return _has_event(EVENTS.c.name.in_(texts))
    viewed = _has_event(counts(dimension), event_value(dimension).in_(texts))
    if dimension == VIEWED_PAGE:
        return or_(and_(VisitFact.page_id.is_not(None), _among("page", texts, SITE)), viewed)
    return viewed


def _has_event(*which: Column) -> Column:
    """Events of the piece alone are read: `events` has an index by visit."""
    return VisitFact.visit_id.in_(select(EVENTS.c.visit_id).where(*piece(EVENTS.c.visit_id), *which))
