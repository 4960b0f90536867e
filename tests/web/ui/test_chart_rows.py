"""Charts begin with the first period that has a value, and are never too narrow to compare."""

from __future__ import annotations

from koyjabo.web.ui.chart_rows import from_first

CHARTS = [
    ([0, 0, 0, 5, 0, 0, 0, 0, 1], [5, 0, 0, 0, 0, 1]),
    ([0, 0, 7, 0, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 0, 0]),
    ([0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
    ([0, 0, 1], [0, 0, 1]),
    ([], []),
]


def test_chart_begins_with_the_first_value_or_has_six_rows():
    for values, kept in CHARTS:
        rows = [(str(at), value, 0) for at, value in enumerate(values)]
        assert [row[1] for row in from_first(rows)] == kept
        assert from_first(rows) == rows[len(rows) - len(kept) :]
