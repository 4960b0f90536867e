"""Regular expressions take time proportional to the length of their text."""

import ast
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from re import _compiler as compiler, _constants as kinds, _parser as parser
from typing import Any

import koyjabo

METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub")
REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)
ASSERTIONS = (kinds.ASSERT, kinds.ASSERT_NOT)
LETTERS = "a1 .-/(,:@'\"=#?\\;\n\u200d\u061cক"
ENDS = ("", "\n", "x", "!", "ক")
SHORT, LONG, LONGEST = 500, 2_000, 16_000
SOON = 0.0003
"""In s. Matching LONG in quadratic time takes longer."""

STEEP = {LONG: 9, LONGEST: 180}
"""Limits relative to SHORT. Linear time is 4 and 32 times as long, quadratic time 16 and 1,024 times. Only a pattern
that is too slow for LONG is tried with LONGEST: a busy machine does not slow it down by a factor of six.
"""

Read = Callable[[Any], object]


def used() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """The package's regular expressions, with their line and method."""
    for module in pkgutil.walk_packages(koyjabo.__path__, "koyjabo."):
        if not module.name.endswith("__main__"):
            names = vars(import_module(module.name))
            for call in ast.walk(ast.parse(Path(names["__file__"]).read_text())):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
                    pattern = _value(call.args[0] if _is_re(call.func.value) else call.func.value, names)
                    if isinstance(pattern, re.Pattern) or (pattern and _is_re(call.func.value)):
                        yield f"{module.name}:{call.lineno}", re.compile(pattern), call.func.attr


def _is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compile(ast.Expression(node), "", "eval"), names)
    except (NameError, AttributeError, RuntimeError):
        return None  # a local variable, or part of a request


def hostile(pattern: re.Pattern[Any]) -> set[tuple[str, str, str]]:
    """Attack texts for a pattern: a beginning, a part to repeat, and an end that does not match."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, 0 if isinstance(pattern.pattern, bytes) else pattern.flags)
    pumped = {*_pumped(tree, ""), *(("", example) for example in _examples(tree))}
    texts = {(first + start, middle, end) for start, middle in pumped if middle for first in ("", "x") for end in ENDS}
    return texts | {("", start + middle, end) for start, middle, end in texts}


def _pumped(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    for kind, what in tree:
        if kind in REPEATS and what[1] > 20:
            yield from ((before, example) for example in _examples(what[2]))
        for part in _parts(kind, what):
            yield from _pumped(part, before)
        before += (_of(kind, what, tree.state) or [""])[0]


def _parts(kind: Any, what: Any) -> list[Any]:
    if kind is kinds.BRANCH:
        return list(what[1])
    if kind in REPEATS:
        return [what[2]]
    return [what[-1]] if kind is kinds.SUBPATTERN or kind in ASSERTIONS else []


def _examples(tree: Any) -> list[str]:
    """Matching texts, each with a different variant of one part."""
    texts = [""]
    for kind, what in tree:
        variants = _of(kind, what, tree.state) or [""]
        texts = [*(text + variants[0] for text in texts), *(texts[0] + other for other in variants[1:])]
    return texts[:20]


def _of(kind: Any, what: Any, state: Any) -> list[str]:
    if kind is kinds.LITERAL:
        return [chr(what)]
    if kind in REPEATS:
        return [text * max(1, what[0]) for text in _examples(what[2])]
    if kind in (kinds.IN, kinds.NOT_LITERAL, kinds.ANY):
        one = compiler.compile(parser.SubPattern(state, [(kind, what)])).fullmatch
        return [letter for letter in LETTERS if one(letter)][:8]
    return [text for part in _parts(kind, what) if kind not in ASSERTIONS for text in _examples(part)]


def is_steep(read: Read, text: Callable[[int], Any], size: int) -> bool:
    def least(size: int) -> float:
        return min(_duration(read, text(size)) for _ in range(2))

    return all(least(size) > STEEP[size] * least(SHORT) for _ in range(3))


def _duration(read: Read, text: Any) -> float:
    """CPU time of this thread, in s."""
    start = time.thread_time()
    read(text)
    return time.thread_time() - start


def steep(pattern: re.Pattern[Any], method: str) -> tuple[str, str, str] | None:
    """A text that takes more than linear time to match, or None."""
    of = getattr(pattern, method)
    read = {"sub": lambda text: of("", text), "finditer": lambda text: list(of(text))}.get(method, of)
    for start, middle, end in hostile(pattern):

        def text(size: int, start: str = start, middle: str = middle, end: str = end) -> Any:
            made = start + middle * (size // len(middle)) + end
            return made.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else made

        if _duration(read, text(LONG)) > SOON and all(is_steep(read, text, size) for size in STEEP):
            return start, middle, end
    return None


def test_the_time_of_every_regular_expression_is_proportional_to_the_length_of_the_text():
    patterns = {(pattern, method): where for where, pattern, method in used()}
    assert len(patterns) > 60
    results = [(where, pattern.pattern[:60], steep(pattern, method)) for (pattern, method), where in patterns.items()]
    assert [pattern for pattern in results if pattern[2]] == []
