"""Finds the passages a person reads: paragraphs of documents, docstrings, comments, page texts and names of tests."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.pofile import read_po

from checkout import files_of

MESSAGES = "koyjabo/translations/bn/LC_MESSAGES/messages.po"
COMMENTS = {
    ".css": r"/\*(.+?)\*/",
    ".html": r"\{#-?(.+?)-?#\}",
    ".js": r"/\*(.+?)\*/|((?:^[ \t]*//[^\n]*\n)+)",
    ".lua": r"((?:^[ \t]*--[^\n]*\n)+)",
}
COMMENTS |= dict.fromkeys((".mjs", ".ts", ".tsx"), COMMENTS[".js"])


@dataclass(frozen=True)
class Passage:
    kind: str
    """`document`, `decision`, `changelog`, `docstring`, `comment`, `script` (a comment in a script, style or template),
    `page`, `test` (its name, in words), or `name` (of a value in Python, which is not read as prose).
    """
    place: str
    """Path and line, as in `docs/api.md:12`."""
    text: str


def passages_of(root: Path) -> list[Passage]:
    """All passages of the project in `root`."""
    passages: list[Passage] = []
    for name in files_of(root):
        path = root / name
        if path.suffix == ".md":
            passages += passages_of_document(name, path.read_text())
        elif path.suffix == ".py":
            passages += passages_of_python(name, path.read_text())
        elif path.suffix in COMMENTS:
            passages += passages_of_script(name, path.read_text())
    with (root / MESSAGES).open("rb") as file:
        for message in read_po(file):
            ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
            passages += [Passage("page", f"{MESSAGES}:{message.lineno}", text) for text in ids if text]
    return passages


def passages_of_document(name: str, text: str) -> Iterator[Passage]:
    """Paragraphs, list items and table cells, without code blocks, and with only the texts of links."""
    kind = "changelog" if "CHANGELOG" in name else "decision" if "/decisions/" in name else "document"
    skipped = re.compile(r"^```.*?^```|<!--.*?-->", re.DOTALL | re.MULTILINE)
    text = skipped.sub(lambda block: "\n" * block[0].count("\n"), text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    start = 1
    lines: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        begins = re.match(r"\s*([-*+]|\d+\.) |\s*\||#|>|\s*$|<", line)
        if begins and lines:
            yield Passage(kind, f"{name}:{start}", " ".join(lines))
            lines = []
        if line.lstrip().startswith("|"):
            if not re.fullmatch(r"[|\s:-]+", line.strip()):
                yield from (Passage(kind, f"{name}:{number}", cell.strip()) for cell in line.strip("| ").split(" | "))
        elif line.strip():
            start = start if lines else number
            lines.append(line.strip(" \t#>*-"))


def passages_of_python(name: str, text: str) -> Iterator[Passage]:
    """Docstrings, including those below values, comments, and names of tests and values. Comments on consecutive lines
    are one passage.
    """
    has_tests = Path(name).name.startswith("test_")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Passage("docstring", f"{name}:{node.lineno}", " ".join(node.value.value.split()))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Passage("name", f"{name}:{node.lineno}", node.id)
        elif has_tests and isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Passage("test", f"{name}:{node.lineno}", node.name.removeprefix("test_").replace("_", " "))
    start = 0
    lines: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:|!)", token.string):
            start = start if lines else token.start[0]
            lines.append(token.string.strip("# "))
        elif token.type != tokenize.NL and lines:
            yield Passage("comment", f"{name}:{start}", " ".join(lines))
            lines = []


def passages_of_script(name: str, text: str) -> Iterator[Passage]:
    """Comments, without JSDoc types."""
    for comment in re.finditer(COMMENTS[Path(name).suffix], text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, comment.start()) + 1
        prose = re.sub(r"^\s*(/\*+|\*/?|//|--)|\*/", "", comment[0], flags=re.MULTILINE)
        prose = re.sub(r"@(param|property|typedef)\b *(\{[^\n]*?\})? *(\[.*?\]|[\w.]+)|@\w+ *(\{[^\n]*?\})?", "", prose)
        if words := " ".join(prose.strip("{#-}/ \n").split()):
            yield Passage("script", f"{name}:{line}", words)


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.!?:;])[\"')*]*\s+(?=[A-Z`*\"(\d])| · ", text)
