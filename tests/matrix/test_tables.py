"""The tables are whole: a reason for each empty cell, a text for each refusal, each pair of any two axes in a cell."""

import pytest

from matrix.machine import MACHINE
from matrix.table import Table
from matrix.tables import TABLES

SMALL = Table(
    name="small",
    test="matrix/test_tables.py::test_nothing",
    distortions=("absent", "null", "slow"),
    rows="""
    storage   c r -
    locks     crw - w
    crypto    g c c
    """,
    reasons={("storage", "slow"): "it is read at once", ("*", "null"): "there is no other value"},
    says={("crypto", "*"): "random numbers", ("storage", "null"): "is null", ("locks", "*"): "is absent"},
    places=("page", "frame", "panel"),
    absent=frozenset({("slow", "panel")}),
    is_quick_in_each_row=True,
)

MAX_EMPTY_SHARE = 0.1
"""Share of a table's cells that may be empty."""

every_table = pytest.mark.parametrize("table", [SMALL, *TABLES], ids=lambda table: table.name)


@every_table
def test_each_pair_of_any_two_axes_is_in_a_cell(table):
    filled = {(value, cell.place) for cell in table.cells for value in (cell.surface, cell.distortion)}
    assert filled >= table.pairs_with_places()
    assert {(cell.surface, cell.distortion) for cell in (*table.cells, *table.empty_cells)} == set(table.letters)


@every_table
def test_an_empty_cell_has_its_reason_and_a_refusal_its_text(table):
    assert [cell for cell in table.empty_cells if not cell.why] == []
    assert [cell for cell in table.cells if cell.outcome in ("refused", "goes without") and not cell.says] == []


@every_table
def test_the_quick_run_has_a_cell_of_each_table_or_of_each_row_and_column(table):
    quick = [cell for cell in table.cells if cell.is_quick]
    assert quick
    if table.is_quick_in_each_row:
        assert {cell.surface for cell in quick} == {cell.surface for cell in table.cells}
        assert {cell.distortion for cell in quick} == {cell.distortion for cell in table.cells}


@every_table
def test_at_most_one_cell_in_ten_is_empty(table):
    assert table in (SMALL, MACHINE) or len(table.empty_cells) <= MAX_EMPTY_SHARE * len(table.letters)
