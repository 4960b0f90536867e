"""Budgets, in one table: each number may only fall.

To raise one, write a comment on its line that says why, and what was removed for it.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from test_imports import ROOMS

from koyjabo.base.models import Visit
from koyjabo.base.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[1]

BUDGETS = {
    "base": 49728,
    "web": 25139,
    "people": 47100,
    "presence": 15315,
    "counting": 38710,  # pages of every framework, fairness by work and proofs came; webhooks went
    "realtime": 11679,  # the push to the panel moved here from reports
    "communities": 27067,
    "integrations": 5991,
    "sockets": 9167,  # pages of every framework, fairness by work and proofs came; webhooks went
    "reports": 69131,
    "upkeep": 31505,
    "site": 17250,
    "application": 5103,
    "server": 25732,
    "cli": 1089,  # pages of every framework, fairness by work and proofs came; webhooks went
    "(top)": 357,
    "tokens of koyjabo/": 380063,
    "lines of koyjabo/": 59481,
    "named shapes": 305,
    "crammed expressions": 95,
    "classes of errors": 64,
    "settings": 62,
    "tables": 44,
    "lines of tests/": 65395,
    "lines of tests/support/": 8987,
    "lines of bench/ and tools/": 4762,
    "lines of JavaScript": 5778,
    "entries of the root folder": 33,
    "commands of make": 24,
}
"""Tokens of each room of `koyjabo/`, without comments, docstrings and line breaks; then other sizes of the project."""

LAYOUT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING),
}
"""Types of tokens that are not counted."""

BUDGET = re.compile(r'^    "([^"]+)": ([\d_]+),(.*)$', re.MULTILINE)


def tokens(text: str, tree: ast.Module) -> int:
    """The number of tokens, without comments, docstrings and line breaks."""
    docstrings = {
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    parts = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type not in LAYOUT and token.start not in docstrings for token in parts)


def is_shape(node: ast.AST) -> bool:
    """Whether a class is a NamedTuple or a dataclass."""
    if not isinstance(node, ast.ClassDef):
        return False
    return any(
        isinstance(name, ast.Name) and name.id in ("NamedTuple", "dataclass")
        for part in (*node.bases, *node.decorator_list)
        for name in ast.walk(part)
    )


def is_crammed(node: ast.AST) -> bool:
    """Whether a reader needs a minute for a line: three unpacked parts in one tuple, list or call, a conditional in a
    conditional, or a call with more than five positional values.
    """
    if isinstance(node, ast.Tuple | ast.List):
        return starred(node.elts) >= 3
    if isinstance(node, ast.Call):
        return starred(node.args) >= 3 or len(node.args) > 5
    return isinstance(node, ast.IfExp) and any(isinstance(part, ast.IfExp) for part in ast.walk(node) if part != node)


def starred(parts: list[ast.expr]) -> int:
    return sum(isinstance(part, ast.Starred) for part in parts)


def lines(*patterns: str) -> int:
    return sum(len(path.read_text().splitlines()) for pattern in patterns for path in tracked(pattern))


@cache
def names() -> tuple[str, ...]:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(tracked.stdout.splitlines())


def tracked(pattern: str) -> Iterator[Path]:
    return (ROOT / name for name in names() if re.fullmatch(pattern, name) and (ROOT / name).is_file())


def measured() -> dict[str, int]:
    sizes: Counter[str] = Counter(dict.fromkeys(ROOMS, 0))
    for path in sorted((ROOT / "koyjabo").rglob("*.py")):
        parts, text = path.relative_to(ROOT / "koyjabo").parts, path.read_text()
        tree = ast.parse(text)
        size = tokens(text, tree)
        sizes[parts[0] if len(parts) > 1 else "(top)"] += size
        sizes["tokens of koyjabo/"] += size
        sizes["lines of koyjabo/"] += len(text.splitlines())
        for node in ast.walk(tree):
            sizes["named shapes"] += is_shape(node)
            sizes["crammed expressions"] += is_crammed(node)
    return {
        **sizes,
        "classes of errors": len(classes_of_errors()),
        "settings": len(Settings.model_fields),
        "tables": len(Visit.metadata.tables),
        "lines of tests/": lines(r"tests/.*\.py"),
        "lines of tests/support/": lines(r"tests/support/.*\.py"),
        "lines of bench/ and tools/": lines(r"(bench|tools)/.*\.py"),
        "lines of JavaScript": lines(r"koyjabo/static/.*\.js"),
        "entries of the root folder": len({name.partition("/")[0] for name in names()}),
        "commands of make": len(re.findall(r"^[a-z-]+:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)),
    }


def test_nothing_outgrows_its_budget():
    sizes = measured()
    assert {name: size for name, size in sizes.items() if size > BUDGETS.get(name, 0)} == {}
    assert list(sizes) == list(BUDGETS)


def test_budget_rises_only_with_a_new_comment():
    now = (ROOT / "tests/test_size.py").read_text()
    before = previous("tests/test_size.py", now).partition("BUDGETS = {")[2]
    old = {name: (int(number), comment) for name, number, comment in BUDGET.findall(before)}
    risen = [
        name
        for name, number, comment in BUDGET.findall(now)
        if name in old and int(number) > old[name][0] and (not comment.strip() or comment == old[name][1])
    ]
    assert risen == []


def previous(name: str, now: str) -> str:
    """The text of a file before its last change; `now` where there is no earlier one, as in a shallow clone."""
    for commit in ("HEAD", "HEAD~1"):
        shown = subprocess.run(["git", "show", f"{commit}:{name}"], cwd=ROOT, capture_output=True, text=True)
        if shown.returncode == 0 and shown.stdout != now:
            return shown.stdout
    return now


def test_tokens_are_counted_without_comments_docstrings_and_line_breaks():
    text = '"""A."""\n\n# B\nc = """\nd\n"""\n\n\ndef e():\n    """F."""\n    return 1\n'
    assert tokens(text, ast.parse(text)) == len(["c", "=", "d", "def", "e", "(", ")", ":", "return", "1"])


def classes_of_errors() -> set[str]:
    """KoyJaboError and its subclasses, read from the sources."""
    texts = [path.read_text() for path in (ROOT / "koyjabo").rglob("*.py")]
    classes = [parts for text in texts for parts in re.findall(r"^class (\w+)\(([^)]*)\):", text, re.MULTILINE)]
    bases = {name: set(re.split(r",\s*", inside)) for name, inside in classes}
    errors = {"KoyJaboError"}
    while more := {name for name, of in bases.items() if of & errors} - errors:
        errors |= more
    return errors
