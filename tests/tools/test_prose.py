"""`make check` checks prose: habits, long sentences, word counts of documents, and documents that code names."""

from dataclasses import replace
from pathlib import Path

import pytest

from prose import budgets
from prose.budgets import (
    complaints_of_guides,
    complaints_of_habits,
    complaints_of_length,
    complaints_of_links,
    complaints_of_long_tests,
    complaints_of_test_names,
    complaints_of_words,
)
from prose.passages import Passage, passages_of_document, passages_of_python, passages_of_script

DOCUMENT = """# Title

A [link](https://example.com/of-which) in a paragraph
of two lines.

```
code of which nothing is read
```

- an item
- another

| Name | Meaning |
| --- | --- |
| `a` | a cell |
"""
PYTHON = '''"""A module."""

# A reason
# of two lines.
LIMIT = 3  # the usual number
"""Visits, at most."""
'''


def test_passages_of_a_document_are_paragraphs_items_and_cells_without_code():
    passages = list(passages_of_document("docs/a.md", DOCUMENT))
    assert [passage.text for passage in passages] == [
        "Title",
        "A link in a paragraph of two lines.",
        "an item",
        "another",
        "Name",
        "Meaning",
        "`a`",
        "a cell",
    ]
    assert passages[1].place == "docs/a.md:3"


def test_docstrings_comments_and_names_are_passages_of_python():
    passages = [(passage.kind, passage.text) for passage in passages_of_python("a.py", PYTHON)]
    assert sorted(passages) == [
        ("comment", "A reason of two lines."),
        ("comment", "the usual number"),
        ("docstring", "A module."),
        ("docstring", "Visits, at most."),
        ("name", "LIMIT"),
    ]


def test_passages_of_scripts_and_templates_are_comments_without_types():
    script = "/**\n * Adds.\n * @param {number} first ms\n */\nadd(1); // no\n// One\n// reason.\n"
    assert [passage.text for passage in passages_of_script("a.js", script)] == ["Adds. ms", "One reason."]
    assert [passage.text for passage in passages_of_script("a.html", "{# Why. #}<p>No.</p>")] == ["Why."]


@pytest.mark.parametrize("habit", budgets.HABITS, ids=lambda habit: habit.name)
def test_a_habit_is_named_with_its_place_and_a_budget_falls_with_it(habit):
    example = {
        "that of": "The total of a and that of b.",
        "preposition + which": "The queue in which it waits.",
        "alone": "Admins alone.",
        "beside": "It is beside it.",
        "told": "Every worker is told.",
        "of its own": "A page of its own.",
        "anew, meanwhile": "It starts anew.",
        "trailing too": "Visits, too.",
        "stands": "It stands here.",
        "nobody, whoever": "Nobody waits.",
        "lost terms": "It is folded.",
        "begins like a fragment": "Of each visit.",
    }[habit.name]
    passage = Passage("docstring", "a.py:7", example)
    habit = replace(habit, documents=0, code=0, pages=0)
    (summary, place) = complaints_of_habits([passage], (habit,))
    assert summary.startswith(f"{habit.name} in code: 1 times, at most 0")
    assert place.startswith("  a.py:7: ")
    assert list(complaints_of_habits([passage], (replace(habit, code=1),))) == []
    (lower,) = complaints_of_habits([passage], (replace(habit, code=2),))
    assert "lower its budget" in lower


def test_a_value_whose_name_says_nothing_is_named_with_its_place():
    names = [Passage("name", "a.py:3", "found"), Passage("name", "a.py:4", "visit")]
    (summary, place) = budgets.complaints_of_names(names)
    assert summary.startswith("values named `found`: 1 times, at most 0")
    assert place == "  a.py:3"


def test_code_in_a_sentence_is_not_a_habit():
    assert list(complaints_of_habits([Passage("document", "a.md:1", "Set `alone`.")], (budgets.HABITS[2],))) == []


def test_names_of_tests_are_read_as_sentences():
    passages = list(
        passages_of_python("tests/test_a.py", "def test_rule_that_stands_alone(): pass\ndef helper(): pass\n")
    )
    assert passages == [Passage("test", "tests/test_a.py:1", "rule that stands alone")]
    assert sorted(line.split(": ")[2].partition(";")[0] for line in complaints_of_test_names(passages)) == [
        "alone",
        "stands",
    ]


@pytest.mark.parametrize(
    ("name", "habit"),
    [
        ("each of them is sent", "each as a noun"),
        ("exceptions cannot begin one either", "each as a noun"),
        ("each visit is stored", None),
        ("what a killed process left goes", "relative clause as a noun"),
        ("total grows by what was sent", "relative clause as a noun"),
        ("one who leaves is gone", "relative clause as a noun"),
        ("page says what is missing", None),
        ("page has a colour of its own here", "of its own"),
        ("forged token is none", "is none"),
    ],
)
def test_habits_of_test_names_are_found(name, habit):
    found_habits = list(complaints_of_test_names([Passage("test", "tests/a/test_b.py:1", name)]))
    assert [habit in line for line in found_habits] == ([True] if habit else [])


def test_name_of_a_test_has_at_most_14_words():
    names = [Passage("test", f"a.py:{count}", " ".join(["word"] * count)) for count in (14, 15)]
    (summary, place) = complaints_of_long_tests(names, 0)
    assert summary.startswith("long names of tests: 1 times, at most 0")
    assert place.startswith("  a.py:15: ")


def test_a_sentence_of_more_than_30_words_is_named_in_documents_only():
    sentence = " ".join(["word"] * 31) + "."
    (_, place) = complaints_of_length([Passage("document", "a.md:1", f"Short. {sentence.capitalize()}")], 0)
    assert place == "  a.md:1: Word word word word word word word word … (31 words)"
    assert list(complaints_of_length([Passage("docstring", "a.py:1", sentence)], 0)) == []


def test_documents_have_budgets_of_words(monkeypatch):
    monkeypatch.setattr(budgets, "WORDS", {"README.md": 2, "docs/decisions/": 400, "docs/": 5_000})
    texts = {
        "README.md": "one two three",
        "docs/a.md": "word " * 4_501,
        "docs/b.md": "word " * 500,
        "docs/decisions/0001-a.md": "word " * 251,
        "docs/decisions/README.md": "word " * 150,
    }
    assert [line.partition(",")[0] for line in complaints_of_words(texts)] == [
        "docs/a.md has 4501 words",
        "docs/decisions/0001-a.md has 251 words",
        "README.md has 3 words",
        "docs/decisions/ has 401 words",
        "docs/ has 5001 words",
    ]


def test_a_document_that_code_names_exists_and_is_a_link_on_a_page(tmp_path: Path):
    for folder in ("docs", "koyjabo"):
        (tmp_path / folder).mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A heading\n")
    (tmp_path / "koyjabo" / "a.py").write_text('A = "docs/a.md#a-heading"\nB = "docs/a.md#another"\nC = "docs/b.md"\n')
    (tmp_path / "koyjabo" / "a.html").write_text(
        '{{ _("docs/a.md has more.") }}\n{{ _("docs/a.md has more.") | with_guides }}\n'
    )
    assert list(complaints_of_guides(tmp_path)) == [
        "koyjabo/a.html:1: docs/a.md is not a link: pass the text to with_guides",
        "koyjabo/a.py:2: docs/a.md#another does not exist",
        "koyjabo/a.py:3: docs/b.md does not exist",
    ]


def test_every_link_in_a_document_leads_to_a_file_and_a_heading(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A heading\n[b](../README.md) [c](#a-heading) [d](b.md) [e](#another)\n")
    (tmp_path / "README.md").write_text('[a](docs/a.md "title") [b](docs/a.md#b) [c](https://example.com/none)\n')
    assert list(complaints_of_links(tmp_path)) == [
        "README.md: the link docs/a.md#b leads nowhere",
        "docs/a.md: the link b.md leads nowhere",
        "docs/a.md: the link #another leads nowhere",
    ]
