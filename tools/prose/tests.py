"""How tests read: a name is a sentence with its articles, and sentences of pages are asserted in tests of texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

MAX_WORDS_OF_A_NAME = 18
MAX_ASSERTED_SENTENCES = 20
"""How many asserts on sentences the tests that are not about texts may have."""

MIN_WORDS_OF_A_SENTENCE = 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words(
    """
    a an the no every each all any another both some several many most few only one two three four five six ten twenty
    other its their our his her this these that those whose
    """
)
"""Words that a noun may have instead of an article. They begin a name only before a noun."""

PRONOUNS = _words(
    """
    he she him it others they them this that these those what whatever which who whoever whose one ones oneself none
    nothing something anything everything
    """
)
NOUNS = _words(
    """
    account address admin app archive area asset attempt badge backup batch body browser bus button cache campaign
    catalogue channel checksum client clock code column command commit community connection cookie copy counter crash
    database day dimension document domain duplicate element email epoch error event example feature field figure file
    filter folder founder frame function guess header host hour id identifier image interval invitation key label
    language lease ledger library limit link list listener location lock log login machine member message
    migration minute moderator module month mutation name network number object operator option origin outage owner
    package page panel parameter parser partner password path pattern permission person picture pixel platform policy
    port process program promise proof proxy query range reader receipt record recount refusal request response
    revision role route row rule runtime scope screen script secret section sentence server service session
    setting sheet signal site size slice slot socket source statement stream string subject subscriber table template
    test text thread timeline timer title token total transaction tunnel type user value variable version view
    viewer visit visitor warning week window word worker writer year zone
    """
)
"""Nouns that are countable: in the singular they need an article."""

ENDS = _words(
    """
    is are was were be has have had does do did can cannot could may might must will would should and or but as if when
    while until unless before after because so than then that which who whose where in on at by for from of to into
    with without within over under between through during against about like per again once twice only not never also
    """
)
"""Words before and after a noun with its article and adjectives."""

WITHOUT_ARTICLE = re.compile(r"(by|at|in|per|on|kind of) \w+")
"""Phrases of a noun without its article: by name, per day, another kind of database."""


def problems_of_name(name: str) -> Iterator[str]:
    """What is wrong with the name of a test, whose words are separated by spaces."""
    words = name.split()
    if len(words) > MAX_WORDS_OF_A_NAME:
        yield f"the name of the test has more than {MAX_WORDS_OF_A_NAME} words"
    if words[0] in PRONOUNS and not (words[0] in ARTICLES and len(words) > 1 and words[1] not in ENDS):
        yield f"{words[0]!r} (a pronoun as the subject): name the thing"
    yield from (f"{noun!r} (without an article): write the sentence with its articles" for noun in _bare_nouns(words))


def _bare_nouns(words: list[str]) -> Iterator[str]:
    start = 0
    for number, word in enumerate(words):
        if word in ENDS - {"and", "or"}:
            start = number if word in ARTICLES else number + 1
        if word in NOUNS and (number + 1 == len(words) or words[number + 1] in ENDS):
            before = words[start:number]
            has_article = ARTICLES & {*before} or any(other.isdigit() or other.endswith("s") for other in before)
            phrase = " ".join(words[max(start - 2, 0) : number + 1])
            if not has_article and not re.search(rf"\b{WITHOUT_ARTICLE.pattern}$", phrase):
                yield phrase


def asserted_sentences(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Place and text of each sentence that a test module asserts. Modules about texts may assert any: their names end
    with `texts`.
    """
    if Path(name).stem.endswith("texts"):
        return
    for statement in ast.walk(ast.parse(text)):
        for node in ast.walk(statement.test) if isinstance(statement, ast.Assert) else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_sentence(node.value.strip()):
                yield f"{name}:{node.lineno}", node.value.strip()


def is_sentence(text: str) -> bool:
    """Whether a text is for people: it begins with a capital letter and has several words, and is no code or SQL."""
    is_code = re.match(r"(SELECT|UPDATE|CREATE|INSERT|DELETE|WITH|Seq) ", text) or re.search(r"[{}<>=/\n_]", text)
    return not is_code and text[:1].isupper() and len(re.findall(r"(?<![^ ])[A-Za-z]", text)) >= MIN_WORDS_OF_A_SENTENCE


def complaints_of_sentences(root: Path) -> Iterator[str]:
    modules = sorted((root / "tests").rglob("test_*.py"))
    asserted = [
        sentence
        for path in modules
        for sentence in asserted_sentences(path.relative_to(root).as_posix(), path.read_text())
    ]
    if len(asserted) > MAX_ASSERTED_SENTENCES:
        yield f"tests assert {len(asserted)} sentences, at most {MAX_ASSERTED_SENTENCES}: move them to tests of texts"
        yield from (f"{place}: {text!r}" for place, text in asserted)
