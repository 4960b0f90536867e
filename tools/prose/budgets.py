"""Habits of writing, and how many words a document may have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from koyjabo.web.pages.guides import anchor
from prose.passages import Passage, sentences_of
from prose.tests import complaints_of_sentences, problems_of_name

DOCUMENTS = ("document", "decision", "changelog")
PROSE = (*DOCUMENTS, "docstring", "comment", "script", "page")
"""Kinds of passages that are read as prose. Names of tests are read as sentences."""

PREPOSITIONS = (
    "about|after|at|before|behind|between|by|during|for|from|in|into|of|on|over|through|to|under|with|within|without"
)


@dataclass(frozen=True)
class Habit:
    name: str
    pattern: str
    advice: str
    kinds: tuple[str, ...] = (*PROSE, "test")
    """Kinds of passages that are searched."""


HABITS = (
    Habit("that of", r"\b(that|those) of\b", "repeat the noun, or leave the words out"),
    Habit("preposition + which", rf"\b({PREPOSITIONS}) which\b", "end the sentence and begin a new one"),
    Habit("alone", r"\balone\b", "write `only`, and put it before the word it limits"),
    Habit("beside", r"\bbeside\b", "write `next to`, `as well as` or `while`"),
    Habit("told", r"\b(told|tells?)\b", "say what is sent, shown or returned"),
    Habit("of its own", r"\bof (its|their) own(?=[.,;:)]|$)", "write `its own` before the noun"),
    Habit("anew, meanwhile", r"\b(anew|meanwhile)\b", "write `again` or `while`"),
    Habit("trailing too", r"\btoo(?=[.,;:])", "write `also` before the verb, or leave it out"),
    Habit("stands", r"\b(stands?|shall)\b", "write `is`"),
    # Evidence is about whether anybody was there, and that is one of its values.
    Habit(
        "nobody, whoever",
        r"\b(?<!Was )((no|some|any|every)body(?! (was )?there)|whoever)\b",
        "name the person: a visitor, an admin, a client",
    ),
    Habit(
        "lost terms",
        r"\b(second (factor|step)s?|two-factor|folded|folds|rolled up|summed up|proven|lanes?|"
        r"(went|gone|goes) back|withdraw[sn]?)\b",
        "use these words: two-step login, reduced, verified, rolled back, revoke, fast path",
    ),
    Habit(
        "question",
        r"\bquestions?\b",
        "write `report query`, `request` or `confirmation`",
        kinds=("docstring", "comment", "test"),
    ),
    Habit(
        "room for an area",
        r"\b((web|fifteen|sixteen) rooms?|rooms? of koyjabo)\b",
        "an area is a folder of koyjabo/, and a room belongs to Socket.IO",
        kinds=("document", "decision", "docstring"),
    ),
    Habit(
        "begins like a fragment",
        r"(?-i:^(Of|So|Those|As|Not|Which|Whose)\b)",
        "begin with a verb or a noun",
        kinds=("docstring",),
    ),
)

NAME_HABITS = (
    Habit("of its own", r"\bof (its|their|his|her) own\b", "write `its own` before the noun"),
    Habit("each as a noun", r"\beach\b(?= (of|is|has|may|can)\b|$)|\b(either|both)$", "name what each one is"),
    Habit(
        "relative clause as a noun",
        r"^(who|whom|whose|what|which|whatever|where)\b|\b(of|by|for|to|from|with|in|than|like|as) (what|who|whom)\b|"
        r"\bones? (that|who|which|whose)\b",
        "name the visitor, the page, the value",
    ),
    Habit("is none", r"\b(is|are|was|were) none\b", "say what is missing or refused"),
)
"""Habits that only names of tests are searched for."""

LONGEST_SENTENCE = 30
"""Maximum number of words of a sentence in documents."""

WORDS = {
    "README.md": 600,
    "CHANGELOG.md": 2_500,
    "CONTRIBUTING.md": 1_720,
    "SECURITY.md": 900,
    "docs/decisions/": 6_560,
    "docs/": 44_400,
}
"""Maximum number of words in a file, or in all files below a folder except those with their own entry."""
WORDS_OF_A_PAGE = 4_000
WORDS_OF_A_DECISION = 250

NAMES = ("each", "every", "found", "wanted")
"""Names that do not describe a value in Python code."""

PAGES = ("*.md", "docs/**/*.md", "bench/*.md", "clients/*/*.md", "tests/support/*.md")
LINK = re.compile(r"\]\((?!\w+://)([^)\s]+)[^)]*\)")
TITLE = re.compile(r'(?<=\S) "[^"\n]*"(?=\))')
"""The title of a link, which names a figure (tools/figures.py) and is not read."""
GUIDE = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?")


def complaints(root: Path, passages: list[Passage]) -> list[str]:
    """Lines about what to rewrite: habits, long sentences and names, pages that are too long, links to nothing."""
    return [
        *complaints_of_passages(passages),
        *complaints_of_words({str(path.relative_to(root)): path.read_text() for path in documents_of(root)}),
        *complaints_of_guides(root),
        *complaints_of_links(root),
        *complaints_of_sentences(root),
    ]


def documents_of(root: Path) -> Iterable[Path]:
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def complaints_of_passages(passages: Iterable[Passage]) -> Iterator[str]:
    for passage in passages:
        for problem in _problems(passage):
            yield f"{passage.place}: {problem}"


def _problems(passage: Passage) -> Iterator[str]:
    kind, text = passage.kind, re.sub(r"`[^`]*`", "`…`", passage.text)
    for habit in (*HABITS, *(NAME_HABITS if kind == "test" else ())):
        for occurrence in re.finditer(habit.pattern, text, re.IGNORECASE):
            if kind in habit.kinds:
                yield f"{occurrence[0]!r} ({habit.name}): {habit.advice}"
    if kind == "name" and text in NAMES:
        yield f"{text!r}: say what the value is"
    if kind == "test":
        yield from problems_of_name(text)
    for sentence in sentences_of(passage.text) if kind in DOCUMENTS else ():
        if len(sentence.split()) > LONGEST_SENTENCE:
            yield f"more than {LONGEST_SENTENCE} words: {' '.join(sentence.split()[:8])} …"


def complaints_of_words(texts: dict[str, str]) -> Iterator[str]:
    words: Counter[str] = Counter()
    for name, text in texts.items():
        number = len(TITLE.sub("", text).split())
        words[max((start for start in WORDS if name.startswith(start)), key=len, default=name)] += number
        most = WORDS_OF_A_DECISION if re.search(r"/decisions/\d", name) else WORDS_OF_A_PAGE
        if number > most:
            yield f"{name} has {number} words, at most {most}: shorten it"
    for name, most in WORDS.items():
        if words[name] > most:
            yield f"{name} has {words[name]} words, at most {most}: shorten it"


def complaints_of_guides(root: Path) -> Iterator[str]:
    """Complain about documents named in code that do not exist, or that a page does not show as a link."""
    for path in sorted((root / "koyjabo").rglob("*")):
        if path.suffix not in {".py", ".html", ".js"} or {"vendor", "min"} & set(path.parts):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for guide in GUIDE.finditer(line):
                document = root / "docs" / guide[1]
                if not document.is_file() or (guide[2] and guide[2] not in anchors_of(document.read_text())):
                    yield f"{path.relative_to(root)}:{number}: {guide[0]} does not exist"
                if path.suffix == ".html" and "_(" in line and "with_guides" not in line:
                    yield f"{path.relative_to(root)}:{number}: {guide[0]} is not a link: pass the text to with_guides"


def complaints_of_links(root: Path) -> Iterator[str]:
    """Complain about links in Markdown files to a file or heading that does not exist."""
    for page in sorted(page for pattern in PAGES for page in root.glob(pattern)):
        for link in LINK.findall(page.read_text()):
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists() or (heading and heading not in anchors_of(target.read_text())):
                yield f"{page.relative_to(root)}: the link {link} leads nowhere"


def anchors_of(document: str) -> set[str]:
    """The ids that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", document, flags=re.DOTALL), re.MULTILINE)
    return set(map(anchor, headings))
