"""The conditions of a question, and the expressions of its dimensions, for either source of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import and_, case, exists, func, not_, or_

from koyjabo.models import SITE, Scope, Visit
from koyjabo.reports.engine.raw import event_queries
from koyjabo.reports.engine.raw.arm_queries import Arm, Column
from koyjabo.reports.projection.reading_queries import IN_COMMUNITY, ON_SITE
from koyjabo.reports.query.dimensions import NEW, RETURNING
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.ranges import day_number
from koyjabo.reports.query.report_query import Filter, Question

VISITOR_KIND = "visitor_kind"
HOUR_S = 3600


def is_new(arm: Arm, scope: Scope) -> Column:
    """Whether the visit is its visitor's first in the scope."""
    return arm.column("new_in").bitwise_and(ON_SITE if scope == SITE else IN_COMMUNITY) != 0


def value(arm: Arm, dimension: str, scope: Scope) -> Column:
    """The value of a dimension, to group by."""
    if dimension == VISITOR_KIND:
        return case((is_new(arm, scope), NEW), else_=RETURNING)
    if dimension == COMMUNITY:
        return func.nullif(arm.column("scope"), SITE)
    return arm.value(dimension)


def conditions(arm: Arm, question: Question) -> Iterator[Column]:
    yield arm.column("day").between(day_number(question.first), day_number(question.last))
    if question.scope != SITE:
        yield arm.column("scope") == question.scope
    if question.until_ms is not None:
        yield _before(arm, question.until_ms)
    for dimension, filter_ in question.filters.items():
        yield from _passes(arm, dimension, filter_, question.scope)


def _before(arm: Arm, moment_ms: int) -> Column:
    """Counted before a moment: facts have the hour, and visits of that hour the exact time."""
    hour_s = arm.column("hour_s")
    in_time = exists().where(Visit.id == arm.column("visit_id"), Visit.at_ms < moment_ms)
    return or_(hour_s <= moment_ms // 1000 - HOUR_S, and_(hour_s * 1000 < moment_ms, in_time))


def _passes(arm: Arm, dimension: str, filter_: Filter, scope: Scope) -> Iterator[Column]:
    if filter_.any_of:
        texts = [each for each in filter_.any_of if each is not None]
        any_of = [_among(arm, dimension, texts, scope)] if texts else []
        yield or_(*any_of, *([_is_none(arm, dimension)] if None in filter_.any_of else []))
    if texts := [each for each in filter_.none_of if each is not None]:
        yield or_(_is_none(arm, dimension), not_(_among(arm, dimension, texts, scope)))
    if None in filter_.none_of:
        yield not_(_is_none(arm, dimension))


def _among(arm: Arm, dimension: str, texts: Collection[str], scope: Scope) -> Column:
    if dimension == VISITOR_KIND:
        return value(arm, dimension, scope).in_(texts)
    if dimension == COMMUNITY:
        return and_(arm.column("scope") != SITE, arm.column("scope").in_(texts))
    if event_queries.is_of_events(dimension):
        return event_queries.among(arm, dimension, texts)
    return arm.among(dimension, texts)


def _is_none(arm: Arm, dimension: str) -> Column:
    if dimension == VISITOR_KIND:
        return arm.column("visit_id").is_(None)  # never
    if dimension == COMMUNITY:
        return arm.column("scope") == SITE
    if event_queries.is_of_events(dimension):
        return event_queries.is_none(arm, dimension)
    return arm.is_none(dimension)
