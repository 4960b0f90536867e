"""`make check` checks prose: habits, long sentences, word counts of documents, and documents that code names."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from prose.budgets import complaints_of_guides, complaints_of_links, complaints_of_passages
from prose.passages import Passage, passages_of_document, passages_of_python, passages_of_script
from prose.tests import asserted_sentences

DOCUMENT = """# Title

A [link](https://example.com/of-which) in a paragraph
of two lines.

```
code of which nothing is read
```

| Name | Meaning |
| --- | --- |
| `a` | a cell |
"""
PYTHON = '"""A module."""\n\n# A reason\n# of two lines.\nLIMIT = 3  # usually\n"""Visits, at most."""\n'
SCRIPT = "/**\n * Adds.\n * @param {number} first ms\n */\nadd(1); // no\n// One\n// reason.\n"


def test_the_lint_reads_the_prose_of_documents_and_source_files_without_their_code():
    def texts(passages: Iterable[Passage]) -> list[str]:
        return sorted(passage.text for passage in passages)

    passages = list(passages_of_document("docs/a.md", DOCUMENT))
    assert texts(passages) == ["A link in a paragraph of two lines.", "Meaning", "Name", "Title", "`a`", "a cell"]
    assert passages[1].place == "docs/a.md:3"
    expected = ["A module.", "A reason of two lines.", "LIMIT", "Visits, at most.", "usually"]
    assert texts(passages_of_python("a.py", PYTHON)) == expected
    assert texts(passages_of_script("a.js", SCRIPT)) == ["Adds. ms", "One reason."]
    assert texts(passages_of_script("a.html", "{# Why. #}<p>No.</p>")) == ["Why."]


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("docstring", "The total of a and that of b.", "that of"),
        ("document", "The queue in which it waits.", "preposition + which"),
        ("comment", "Admins alone.", "alone"),
        ("page", "Visits, too.", "trailing too"),
        ("docstring", "Of each visit.", "begins like a fragment"),
        ("document", "Set `alone`.", ""),
        ("name", "found", "say what the value is"),
        ("test", "a retry returns the first receipt of its visit", ""),
        ("test", "they return the first receipt", "a pronoun as the subject"),
        ("test", "a retry returns the first receipt of visit", "without an article"),
        ("test", " ".join(["words"] * 19), "more than 18 words"),
        ("name", "visit", ""),
        ("document", " ".join(["word"] * 31) + ".", "more than 30 words"),
        ("docstring", " ".join(["word"] * 31) + ".", ""),
        ("test", "a rule that stands", "stands"),
        ("comment", "Reads the questions of a report.", "question"),
        ("document", "Days that were rolled up.", "lost terms"),
        ("docstring", "The web room reads requests.", "room for an area"),
        ("test", "each of them is sent", "each as a noun"),
        ("test", "each visit is stored", ""),
        ("test", "total grows by what was sent", "relative clause as a noun"),
        ("test", "a forged token is none", "is none"),
        ("test", " ".join(["words"] * 18), ""),
    ],
)
def test_the_lint_names_a_habit_with_its_place(kind, text, problem):
    complaints = list(complaints_of_passages([Passage(kind, "a.py:7", text)]))
    assert [(line.startswith("a.py:7: "), problem in line) for line in complaints] == [(True, True)] * bool(problem)


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


def test_an_assert_on_a_sentence_is_found_outside_of_the_tests_of_texts():
    text = (
        'def test_a_page():\n    assert "Your visit is counted" in page\n    assert rows == "SELECT a FROM b WHERE c"\n'
    )
    assert list(asserted_sentences("tests/test_pages.py", text)) == [("tests/test_pages.py:2", "Your visit is counted")]
    assert list(asserted_sentences("tests/test_page_texts.py", text)) == []
