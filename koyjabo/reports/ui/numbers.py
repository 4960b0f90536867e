"""A view's numbers, by the cells that show them. A page writes pushed numbers into its cells, and reloads the HTML of a
part only if something else in the part has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from koyjabo.reports.engine.results import Breakdown, Hours, Period, Summary
from koyjabo.reports.ui import breakdowns, cards, figures, timelines
from koyjabo.reports.ui.address import PageAddress
from koyjabo.reports.ui.breakdowns import Values
from koyjabo.reports.ui.cards import Card
from koyjabo.reports.ui.view_plan import ON_MAPS, Results, ViewPlan

Cell = Sequence[int | float | str | None]
"""The contents of a cell's elements, in order."""

MAX_CELLS = 800
"""Maximum number of cells in a chart. A longer chart has none, because its first event would exceed a socket's
buffer.
"""


class Numbers(NamedTuple):
    """`versions` has a checksum of each part, excluding the numbers in its cells."""

    cells: dict[str, Cell]
    versions: dict[str, str]


def values(
    plan: ViewPlan,
    results: Results,
    address: PageAddress | None,
    tab: str,
    limit: int = breakdowns.IN_A_CARD,
    offset: int = 0,
) -> Values:
    """Return the lines of a tab: a dimension, or the places of a map. They have links based on `address`, unless it is
    None.
    """
    dimension = cards.MAPS.get(tab, tab)
    now, *before = (results[request] for request in plan.breakdown_requests(dimension, limit, offset))
    return breakdowns.values(now, next(iter(before), None), plan.question, dimension, address, offset, plan.per_day)


def numbers(plan: ViewPlan, results: Results, draws: Callable[[str], bool]) -> Numbers:
    """Return the numbers of the parts whose names `draws` accepts."""
    cells: dict[str, Cell] = {}
    rest: dict[str, Any] = {}  # by part: everything that no cell shows
    if draws("figures"):
        days = [(question.first, question.last) for question in (plan.question, plan.compared) if question]
        rest["figures"] = days, _figures(plan, results, cells)
    if draws("chart"):
        rest["chart"] = _chart(plan, [results[request] for request in plan.timeline_requests], cells)
    if plan.by:
        if draws("list"):
            rest["list"] = _whole(plan, results, plan.whole_list)
    else:
        for card in plan.base.cards:
            if draws(card.name):
                rest[card.name] = _card(plan, results, card, cells)
        if draws("hours"):
            hours: Hours = results[plan.hours_request]
            cells.update({f"hours.{day}": row for day, row in enumerate(hours.rows)})
            rest["hours"] = timelines.busiest(hours.rows), hours.reason
    return Numbers(cells, {name: f"{crc32(repr(value).encode()):x}" for name, value in rest.items()})


def _figures(plan: ViewPlan, results: Results, cells: dict[str, Cell]) -> Any:
    summary: Summary = results[plan.summary_request]
    rest: list[Any] = [summary.reason]
    is_filtered = bool(plan.question.filters)
    for figure in figures.figures(summary, results[plan.lengths_request], None, plan.metric, is_filtered, plan.per_day):
        compared = [figure.change, figure.before] if summary.compared else []
        cells[f"figures.{figure.name}"] = [*figure.numbers, *compared]
        rest.append((figure.value is None, figure.change is None))
    if summary.until:
        cells["until"] = [summary.until[11:16]]
    return rest


def _chart(plan: ViewPlan, periods: list[list[Period]], cells: dict[str, Cell]) -> Any:
    now, *others = periods
    if len(now) > MAX_CELLS:
        return periods
    rest = []
    for at, (period, other) in enumerate(timelines.pairs(now, others[0] if others else (), plan.began)):
        value = figures.value(period, plan.metric)
        before = figures.value(other, plan.metric) if other else None
        cells[f"chart.{at}"] = [value, before, figures.change(value, before)] if others else [value]
        rest.append((period.period, period.so_far, other and other.period))
    return rest


def _card(plan: ViewPlan, results: Results, card: Card, cells: dict[str, Cell]) -> dict[str, Any]:
    """Add a card's numbers. Returns what else its template depends on (`card` in reports/macros.html)."""
    tab = plan.tab(card)
    shown = values(plan, results, None, tab)
    largest = shown.largest
    for at, line in enumerate(shown.lines):
        compared = [line.change] if plan.compared else []
        bar = round(100 * (line.number or 0) / largest, 1)
        percent = None if line.percent is None else round(line.percent, 1)
        cells[f"{card.name}.{at}"] = [bar, line.number, *compared, percent]
    counts_others = shown.other_values > 0
    others = [shown.other_values] if counts_others else []
    cells[f"{card.name}.other"] = [*others, shown.other.count if shown.is_counted else shown.other.visits]
    cells[f"{card.name}.all"] = [shown.values]
    cells[f"{card.name}.rows"] = [line.value or "" for line in shown.lines]
    return {
        "has_lines": bool(shown.lines),
        "is_unmeasured": shown.is_unmeasured,
        "at_least": sorted(line.value or "" for line in shown.lines if line.at_least),
        "has_others": shown.has_others,
        "counts_others": counts_others,
        "reason": shown.reason,
        "map": _whole(plan, results, ON_MAPS[tab]) if tab in ON_MAPS else [],
        "attended": _attended(results[plan.lengths_request], cells) if card.name == cards.EVIDENCE else [],
    }


def _attended(lengths: Breakdown, cells: dict[str, Cell]) -> list[bool]:
    """Add the numbers in the sentence about attended visits. Returns flags that determine which sentence is shown."""
    measured = figures.measured(lengths)
    # Two cells, because their order depends on the language.
    cells["attended.visits"], cells["attended.of"] = [lengths.total.attended], [measured]
    return [bool(measured), measured == lengths.total.visits]


def _whole(plan: ViewPlan, results: Results, listed: tuple[str, int, int] | tuple[str, int]) -> list[Breakdown]:
    """Return a list without cells, and without labels, which depend on the language."""
    shown: list[Breakdown] = [results[request] for request in plan.breakdown_requests(*listed)]
    return [table._replace(rows=[row._replace(label="") for row in table.rows]) for table in shown]
