"""The query grammar: report queries round-trip through URLs, and any input is read or refused."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given, strategies as st
from support.runs.fuzz_effort import effort

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES, dimension_of
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.reports.query.parameters import Parameters
from koyjabo.reports.query.ranges import RANGE_NAMES

TODAY = "2026-11-22"
COMMUNITY = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")

names = (
    st.sampled_from(["range", "start", "end", "compare", "limit", *DIMENSION_NAMES, "event:search:from"]) | st.text()
)
days = st.dates().map(str)
texts = st.text() | st.sampled_from([*RANGE_NAMES, "previous", "year", "", "!", "!!", "\\!", "\\\\!x"]) | days
values = st.none() | st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text) | st.just("\\!x")
filters = st.builds(Filter, st.frozensets(values, max_size=3), st.frozensets(values, max_size=3)).filter(bool)
queries = st.builds(
    ReportQuery,
    st.sampled_from(["1970-01-01", "2026-02-28", TODAY]),
    st.just(TODAY),
    filters=st.dictionaries(st.sampled_from([*DIMENSION_NAMES, "event:search:from"]), filters, max_size=3),
)


def read(*pairs: tuple[str, str], scope: Scope = SITE, first_day: str | None = "2026-11-01") -> Parameters:
    return Parameters.of(pairs, TODAY, lambda: first_day, scope, ("limit",))


ODD_HOST = ReportQuery(TODAY, TODAY, filters={"source": Filter(frozenset({"00K\x80;"}), frozenset())})


@effort(100)
@example(query=ODD_HOST, compare=None, limit={})
@given(query=queries, compare=st.sampled_from([None, "year"]), limit=st.sampled_from([{}, {"limit": "5"}]))
def test_the_parameters_of_a_query_survive_a_round_trip_through_an_address(query, compare, limit):
    typed = Parameters(query, None, compare, limit)
    requested = read(*typed.pairs())
    assert read(*requested.pairs()) == requested
    assert with_one_spelling(requested.query) == with_one_spelling(query)
    assert (requested.compare, requested.others) == (compare, limit)


def with_one_spelling(query: ReportQuery) -> dict[str, Filter]:
    """The filters by dimensions whose values have one spelling."""
    return {name: values for name, values in query.filters.items() if dimension_of(name).stored is str}


@effort(150)
@given(pairs=st.lists(st.tuples(names, texts), max_size=4), scope=st.sampled_from([SITE, COMMUNITY]))
def test_any_parameter_is_read_within_limits_or_refused_by_its_name(pairs, scope):
    refused: dict[str, str] = {}
    try:
        query = read(*pairs, scope=scope).query
    except InvalidInput as error:
        refused = error.details
    assert refused.keys() <= {name for name, _ in pairs}
    assert all(isinstance(reason, str) and reason for reason in refused.values())
    if refused:
        return
    assert "1969-01-01" < query.first <= query.last <= TODAY
    assert (query.scope, query.until_ms) == (scope, None)
    assert set(query.filters) == {name for name, _ in pairs} - {"range", "start", "end", "compare", "limit"}


def test_a_range_ends_today_at_the_latest_and_a_named_range_keeps_its_name():
    days_by_text = {
        "": ("2026-10-26", TODAY),
        "range=today": (TODAY, TODAY),
        "range=yesterday": ("2026-11-21", "2026-11-21"),
        "range=7d": ("2026-11-16", TODAY),
        "range=30d": ("2026-10-24", TODAY),
        "range=365d": ("2025-11-23", TODAY),
        "range=month": ("2026-11-01", TODAY),
        "range=all": ("2026-11-01", TODAY),
        "start=2026-11-20": ("2026-11-20", TODAY),
        "start=২০২৬-১১-২০&end=2026-11-20": ("2026-11-20", "2026-11-20"),
        "end=2026-11-20": ("2026-10-24", "2026-11-20"),
        "start=2026-11-20&end=2027-01-01": ("2026-11-20", TODAY),
        "start=2027-01-01": (TODAY, TODAY),
    }
    for text, days in days_by_text.items():
        query = read(*parse_qsl(text)).query
        assert (query.first, query.last) == days, text
    assert read(("range", "all"), first_day=None).query.first == TODAY
    for name in RANGE_NAMES:
        named = read(("range", name))
        assert (named.range, read(*named.pairs())) == (name, named)


def test_the_filters_of_a_dimension_are_values_and_exceptions():
    pages = (("page", "/"), ("page", ""), ("page", "!/fares"))
    parsed = read(*pages, ("source", "!"), ("utm_term", "\\!a"), ("city", "!!a"))
    assert parsed.query.filters == {
        "page": Filter(frozenset(["/", None]), frozenset(["/fares"])),
        "source": Filter(none_of=frozenset([None])),
        "utm_term": Filter(frozenset(["!a"])),
        "city": Filter(none_of=frozenset(["!a"])),
    }


def test_a_query_with_more_than_200_values_is_refused():
    pairs = [("page", f"/{number}") for number in range(200)]
    assert len(read(*pairs).query.filters["page"].any_of) == 200
    with pytest.raises(InvalidInput) as refused:
        read(*pairs, ("source", "x"))
    assert set(refused.value.details) == {"source"}
