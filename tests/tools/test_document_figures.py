"""Figures in documents match bench/results."""

from __future__ import annotations

import re

import pytest

import figures

UNMARKED = re.compile(
    r"registers? [\d,]+ visits|[\d,]+ visits a second on (?:SQLite|PostgreSQL)"
    r"|[\d.]+ KB (?:a|an idle|for each|per) (?:open )?(?:page|socket|WebSocket|connection)"
    r"|idle (?:page|socket|connection)s?(?::| costs| needs| takes) [\d.]+ KB"
)
"""Sentences that quote a figure from `figures.FIGURES` without its name."""


@pytest.mark.parametrize("document", figures.documents(), ids=lambda path: path.stem)
def test_figures_are_those_of_the_results(document):
    text = document.read_text()
    assert text == figures.filled(text)
    assert UNMARKED.findall(text) == []


def test_every_named_figure_is_quoted():
    text = "".join(document.read_text() for document in figures.documents())
    assert [name for name in figures.FIGURES if f'"{name}"' not in text] == []


def test_link_titled_with_a_figure_gets_its_number_and_keeps_its_words():
    rate = figures.value(figures.FIGURES["visits a second, SQLite"])
    link = '[{} visits](performance.md#visits "visits a second, SQLite")'
    assert figures.filled(f"One core: {link.format(9)}.") == f"One core: {link.format(rate)}."
    with pytest.raises(KeyError):
        figures.filled('[9](performance.md "a figure that was never measured")')


def test_a_table_gets_its_numbers_by_the_names_of_rows_and_columns():
    mark = '[figures]: ../bench/results/push.txt "10,000 open connections"\n\n'
    head = "| server | KB/connection | advice |\n| --- | --- | --- |\n"
    frame = figures.Figure("push.txt", "10,000 open connections", "this server, streams", "KB/connection")
    assert figures.filled(f"{mark}{head}| **this server, streams** | **9 KB** | use 9 |\n") == (
        f"{mark}{head}| **this server, streams** | **{figures.value(frame)} KB** | use 9 |\n"
    )
    with pytest.raises(KeyError):
        figures.filled(f"{mark}{head}| another server | 9 | |\n")
