"""A view's numbers, by the cells that show them. A page writes pushed numbers into its cells, and reloads the HTML of a
part only if something else in the part has changed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from zlib import crc32

from koyjabo.reports.engine.results import Breakdown
from . import figures, timelines
from .card import Card
from .cards import GRID, MAP, MORE_LISTS
from .view_results import ViewResults

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


def numbers(results: ViewResults) -> Numbers:
    """Return the numbers of the parts that are shown."""
    cells: dict[str, Cell] = {}
    rest: dict[str, Any] = {}  # by part: everything that no cell shows
    plan, draws = results.plan, results.draws
    if draws("figures"):
        summary = results.summary
        days = [(query.first, query.last) for query in (plan.query, plan.compared) if query]
        rest["figures"] = [summary.reason, days]
        for figure in results.shown_figures:
            compared = [figure.before] if figure.change is None else [figure.change, figure.before]
            cells[f"figures.{figure.name}"] = [*figure.numbers, *compared] if summary.compared else figure.numbers
            rest["figures"].append((figure.name, figure.value is None, figure.change is None, figure.ratio is None))
        if summary.until:
            cells["until"] = [summary.until[11:16]]
    if draws("chart"):
        rest["chart"] = _chart(results, cells)
    if plan.by:
        if draws("list"):
            rest["list"] = _whole(results, *plan.whole_list)
    else:
        for card in plan.base.cards:
            if draws(card.name):
                drawn = _hours if results.tab(card) == GRID else _card
                rest[card.name] = drawn(results, card, cells)
        if draws(MORE_LISTS):
            rest[MORE_LISTS] = results.more_lists
    return Numbers(cells, {name: f"{crc32(repr(value).encode()):x}" for name, value in rest.items()})


def _chart(results: ViewResults, cells: dict[str, Cell]) -> Any:
    plan = results.plan
    now, *others = periods = [results[request] for request in plan.timeline_requests]
    if len(now) > MAX_CELLS:
        return periods
    rest = []
    for at, (period, other) in enumerate(timelines.pairs(now, others[0] if others else (), plan.began)):
        value = figures.value(period, plan.metric)
        before = figures.value(other, plan.metric) if other else None
        cells[f"chart.{at}"] = [value, before, figures.change(value, before)] if others else [value]
        rest.append((period.period, period.so_far, other and other.period))
    return rest


def _card(results: ViewResults, card: Card, cells: dict[str, Cell]) -> dict[str, Any]:
    """Add a card's numbers. Returns what else its template depends on (`card` in reports/macros.html)."""
    tab, shown = results.tab(card), results.listed(card)
    for at, line in enumerate(shown.lines):
        compared = [line.change] if results.plan.compared else []
        bar = round(100 * line.number / shown.largest, 1)
        cells[f"{card.name}.{at}"] = [bar, line.number, *compared, round(line.percent, 1)]
    counts_others = shown.other_values > 0
    others = [shown.other_values] if counts_others else []
    cells[f"{card.name}.other"] = [*others, shown.other_number]
    cells[f"{card.name}.all"] = [shown.values]
    cells[f"{card.name}.rows"] = [line.value or "" for line in shown.lines]
    on_map = [dot.line for dot in results.dots] or shown.lines if tab == MAP else []
    return {
        "is_empty": results.is_empty(card),
        "has_lines": bool(shown.lines),
        "has_others": shown.has_others,
        "counts_others": counts_others,
        "tabs": results.tabs(card),
        "map": [(line.value, line.number) for line in on_map],
        "off_map": results.off_map if tab == MAP and results.dots else 0,
    }


def _hours(results: ViewResults, card: Card, cells: dict[str, Cell]) -> Any:
    for row in results.grid:
        for cell in row.cells:
            cells[f"{card.name}.{row.weekday}.{cell.hour}"] = [cell.level, cell.visits]
    return results.is_empty(card)


def _whole(results: ViewResults, *listed: Any) -> list[Breakdown]:
    """Return a list without cells, and without labels, which depend on the language."""
    shown: list[Breakdown] = [results[request] for request in results.plan.breakdown_requests(*listed)]
    return [table._replace(rows=[row._replace(label="") for row in table.rows]) for table in shown]
