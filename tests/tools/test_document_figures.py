"""Figures in documents match bench/results, and name the machine."""

import re

import pytest
from support.programs.processes import ROOT

import figures

UNMARKED = re.compile(  # sentences that quote a figure from `figures.FIGURES` without its name
    r"registers? [\d,]+ visits|[\d,]+ visits a second on (?:SQLite|PostgreSQL)"
    r"|workers? (?:needs?|uses?|takes?)(?: about)? [\d.]+ MB"
    r"|[\d.]+ KB (?:a|an idle|for each|per) (?:open )?(?:page|socket|WebSocket|connection)"
    r"|idle (?:page|socket|connection)s?(?::| costs| needs| takes) [\d.]+ KB"
)
BENCHMARK = re.compile(r"make\s+bench\s+NAME=([\w-]+)(?:\s+ARGS=(\"[^\"]*\"|\S+))?")
MEASURED = re.compile(r"[\d,.]*\d (?:ms|µs|s|KB|MB|bytes|times)\b|[\d,.]*\d %")
ONCE = re.compile(r"[^.]*\(?measured once[^.]*\.", re.IGNORECASE)
QUOTES = [(path, text) for path in figures.documents() for text in re.split(r"\n\n|\n(?=[|#-])", path.read_text())]
"""Paragraphs, rows and items of the documents."""


@pytest.mark.parametrize("document", figures.documents(), ids=lambda path: path.stem)
def test_the_figures_of_a_document_match_the_results_of_the_benchmarks(document):
    text = document.read_text()
    assert text == figures.filled(text)
    assert UNMARKED.findall(text) == []


def test_a_link_that_names_a_figure_gets_its_number_and_keeps_its_words():
    rate = figures.value(figures.FIGURES["visits a second, SQLite"])
    link = '[{} visits](performance.md#visits "visits a second, SQLite")'
    assert figures.filled(f"One core: {link.format(9)}.") == f"One core: {link.format(rate)}."
    with pytest.raises(KeyError):
        figures.filled('[9](performance.md "a figure that was never measured")')


def test_a_paragraph_about_a_benchmark_has_no_figure_without_a_link():
    """Otherwise a figure stays as it is when the benchmark runs again."""
    naming = [text for _, text in QUOTES if BENCHMARK.search(text) or "`bench/results/" in text]
    assert len(naming) > 5
    typed = [
        (text, numbers) for text in naming if (numbers := MEASURED.findall(ONCE.sub("", figures.LINK.sub("", text))))
    ]
    assert typed == []


def files_quoted(section: str) -> set[str]:
    """The files of results that a section quotes: by figures, tables and machines."""
    titles = [link[3] for link in figures.LINK.finditer(section)]
    named = {figures.FIGURES[title].file for title in titles if title in figures.FIGURES}
    return named | {table[2] for table in figures.TABLE.finditer(section)}


def test_every_section_with_figures_names_the_machine():
    """In these documents, every section does. In others, sections do whose figures cannot be measured again."""
    always = {ROOT / "README.md", ROOT / "docs" / "performance.md"}
    unnamed = [
        (str(path.relative_to(ROOT)), section.partition("\n")[0], file)
        for path in figures.documents()
        for section in re.split(r"^(?=##? )", path.read_text(), flags=re.MULTILINE)
        for file in files_quoted(section)
        if path in always or "commit" in figures.machine(file)
        if f'"{figures.MACHINE_OF}{file}"' not in section
    ]
    assert unnamed == []


def test_the_documents_name_only_benchmarks_and_options_that_exist():
    named = [command.groups("") for path in figures.documents() for command in BENCHMARK.finditer(path.read_text())]
    assert len(named) > 10
    options = {(name, word) for name, words in named for word in words.strip('"').split() if word.startswith("--")}
    text = {name: (ROOT / "bench" / f"{name}.py").read_text() for name, _ in named}
    assert [(name, option) for name, option in options if f'"{option}"' not in text[name]] == []


def test_a_benchmark_overwrites_a_result_that_documents_quote_only_with_save():
    conditions = [
        condition
        for path in (ROOT / "bench").glob("*.py")
        for condition in re.findall(r"if (.*):\n +report\.save\(\)", path.read_text())
    ]
    assert len(conditions) == len(list((ROOT / "bench").glob("*.py")))
    assert [condition for condition in conditions if not condition.startswith("save and ")] == []
