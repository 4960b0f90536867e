"""The three budgets of the project. `make check` prints them, and fails if a size leaves its band."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from checkout import files_of

ROOT = Path(__file__).resolve().parents[1]

BUDGETS = {
    "tokens of koyjabo/": 440_000,
    "lines of tests/": 64_200,
    "lines of tests/support/": 7_130,
}
"""Sizes of the Python code. They only fall. A feature that comes in raises its number, and the commit
says what the feature costs.
"""

BAND = 0.01
"""Share of a budget that a size may differ from it, in both directions."""

LAYOUT_TOKENS = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING),
}
"""Types of tokens that are not counted."""


FSTRING_START, FSTRING_END = (getattr(tokenize, name, None) for name in ("FSTRING_START", "FSTRING_END"))
"""Types of the ends of an f-string, whose parts are tokens since Python 3.12."""


def main() -> int:
    sizes = sizes_of(ROOT)
    complaints = list(complaints_of_sizes(sizes))
    sys.stdout.write("".join(f"{name}: {size:,} of {BUDGETS[name]:,}\n" for name, size in sizes.items()))
    sys.stdout.write("".join(f"{line}\n" for line in complaints))
    return 1 if complaints else 0


def sizes_of(root: Path) -> dict[str, int]:
    return {
        "tokens of koyjabo/": sum(map(tokens_of, texts_of(root, "koyjabo"))),
        "lines of tests/": sum(map(lines_of, texts_of(root, "tests"))),
        "lines of tests/support/": sum(map(lines_of, texts_of(root, "tests/support"))),
    }


def texts_of(root: Path, folder: str) -> Iterator[str]:
    """The texts of the Python files below a folder."""
    return ((root / name).read_text() for name in files_of(root, f"{folder}/*.py"))


def lines_of(text: str) -> int:
    return len(text.splitlines())


def tokens_of(text: str) -> int:
    """The number of tokens, without comments, docstrings and line breaks. An f-string is one token in every Python."""
    docstrings = {
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    number = depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_counted = not depth and token.type not in LAYOUT_TOKENS and token.start not in docstrings
        number += is_counted
        depth += (token.type == FSTRING_START) - (token.type == FSTRING_END)
    return number


def complaints_of_sizes(sizes: dict[str, int]) -> Iterator[str]:
    for name, size in sizes.items():
        budget = BUDGETS[name]
        if size > budget * (1 + BAND):
            yield f"{name}: {size:,} is more than {BAND:.0%} above {budget:,}. Remove what is not needed."
        if size < budget * (1 - BAND):
            yield f"{name}: {size:,} is more than {BAND:.0%} below {budget:,}. Lower the number in tools/budgets.py."


if __name__ == "__main__":
    raise SystemExit(main())
