"""The source of single visits: their facts, those that are not projected yet, and what folded days still tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from koyjabo.models import DailyVisits, InsightSum
from koyjabo.reports.engine.answers import FOLDED, FOLDED_VALUE
from koyjabo.reports.engine.fact_queries import Facts
from koyjabo.reports.engine.groups import EVERYTHING, Group, Groups, merged_by, named, total
from koyjabo.reports.engine.moment_queries import Moment
from koyjabo.reports.engine.unprojected_queries import first_visit
from koyjabo.reports.projection.additions import ALL, OTHER, TOTAL, Addition, encoded
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.periods import DAY, GRANULARITIES, HOUR, period_of
from koyjabo.reports.query.report_query import Question, Value

ByDay = Mapping[str, int | None]
"""Visits; None: not known."""


class Raw:
    """Of a range with folded days only the visits are known, and these without a filter or with one value of one
    dimension as filter.
    """

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.facts = Facts(moment.session)
        self._read: dict[Question, dict[str, dict[Any, Addition]]] = defaultdict(dict)

    def by(self, question: Question, key: str) -> Groups:
        """By the name of a period, a value, (weekday, hour), or None for everything."""
        folded = self._moment.folded_days(question)
        if not folded:
            return self._all(question, key)
        if key == EVERYTHING:
            return {None: _visits_alone(self._visits(question, folded))}
        return self._periods(question, key, folded) if key in GRANULARITIES else self._one_value(question, key, folded)

    def additions(self, question: Question, key: str) -> dict[Any, Addition]:
        """Of visits whose rows are there, by what `named` makes a name of."""
        read = self._read[question]
        if key not in read:
            wanted = () if self._moment.folded_days(question) else self._moment.wanted.get(question, ())
            keys = {key, *wanted} - read.keys()
            read |= self.facts.by(question, self._moment.fact_ids(question), keys)
            for each in keys:
                for name, addition in self._moment.unprojected.by(question, each, first_visit).items():
                    read[each].setdefault(name, Addition()).plus(addition)
        return read[key]

    def _all(self, question: Question, key: str, without: Collection[str] = ()) -> dict[Any, Group]:
        additions = self.additions(question, key).items()
        groups = ((each, Group.of(addition)) for each, addition in additions if each not in without)
        return merged_by(groups, lambda each: named(key, each, self._moment.clock))

    def _periods(self, question: Question, key: str, folded: Collection[str]) -> Groups:
        """Those with a folded day have only their visits, and hours of folded days nothing."""
        clock = self._moment.clock
        if key == HOUR:
            unknown = {clock.local(hour_s): None for day in folded for hour_s in clock.hours(day, day)}
            return {**self._all(question, HOUR), **{name: _visits_alone(None) for name in unknown}}
        known = [(day, _visits_alone(visits)) for day, visits in self._by_folded_day(question, folded).items()]
        others = self._all(question, DAY, without=folded).items()
        return merged_by([*known, *others], lambda day: period_of(day, key))

    def _one_value(self, question: Question, dimension: str, folded: Collection[str]) -> Groups:
        """By the dimension of the filter, its value has all visits."""
        visits, asked = self._visits(question, folded), one_value(question)
        return {asked[1]: _visits_alone(visits)} if visits and asked and asked[0] == dimension else {}

    def _visits(self, question: Question, folded: Collection[str]) -> int | None:
        """Of the whole range."""
        if not may_know(question):
            return None
        others = self._all(question, DAY, without=folded).values()
        return total([*self._by_folded_day(question, folded).values(), *(group.visits for group in others)])

    def _by_folded_day(self, question: Question, folded: Collection[str]) -> ByDay:
        """None of a day that is cut by `until_ms`, and of all days while the sums are made again."""
        if not may_know(question) or not self._moment.state.is_complete:
            return dict.fromkeys(folded)
        asked = one_value(question)
        known = self._with_value(question, *asked) if asked else self._counted(question)
        until_ms = question.until_ms
        cut = LAST_DAY if until_ms is None else self._moment.clock.bucket(until_ms).day
        return {day: known.get(day) if day < cut else None for day in folded}

    def _counted(self, question: Question) -> ByDay:
        days = DailyVisits.scope == question.scope, DailyVisits.day.between(question.first, question.last)
        counts: Any = self._moment.session.execute(select(DailyVisits.day, DailyVisits.visits).where(*days)).all()
        return dict(counts)

    def _with_value(self, question: Question, dimension: str, value: Value) -> ByDay:
        """None of a day whose sums lack visits, and of one that has merged values but not this one."""
        newer, newer_with_value = (
            self._moment.unprojected.by(each, DAY, first_visit) for each in (replace(question, filters={}), question)
        )
        visits: dict[str, int | None] = {}
        rows = self._moment.session.execute(_sums(question, dimension, encoded(value)))
        for day, counted, summed, own, others in rows:
            is_known = (summed or 0) + newer[day].visits == counted and (own is not None or others is None)
            visits[day] = (own or 0) + newer_with_value[day].visits if is_known else None
        return visits


def one_value(question: Question) -> tuple[str, Value] | None:
    """The dimension and the value, if the question is filtered by these alone, and days have sums of the dimension."""
    if len(question.filters) != 1:
        return None
    ((dimension, filter_),) = question.filters.items()
    if len(filter_.any_of) != 1 or filter_.none_of or has_many(dimension):
        return None
    (value,) = filter_.any_of
    return dimension, value


def may_know(question: Question) -> bool:
    """Whether the visits of folded days can be known at all."""
    return not question.filters or one_value(question) is not None


def reason_of_folded(question: Question, knows_visits: bool) -> str:
    """Why not everything is known of folded days."""
    return FOLDED if knows_visits or not one_value(question) else FOLDED_VALUE


def _visits_alone(visits: int | None) -> Group:
    return Group(visits, None, None, None)


def _sums(question: Question, dimension: str, value: str) -> Any:
    """By day: visits counted, in sums, with the value, and with merged values. Three rows of sums a day are read."""
    joined: Any = select(DailyVisits.day, DailyVisits.visits)
    for name, text in ((TOTAL, ALL), (dimension, value), (dimension, OTHER)):
        sums = aliased(InsightSum)
        of_day = (sums.scope == DailyVisits.scope, sums.period == DailyVisits.day, sums.dimension == name)
        joined = joined.outerjoin(sums, and_(*of_day, sums.value == text)).add_columns(sums.visits)
    return joined.where(DailyVisits.scope == question.scope, DailyVisits.day.between(question.first, question.last))
