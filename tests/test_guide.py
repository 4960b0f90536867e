"""Every name in backticks that CONTRIBUTING.md, docs/design.md, docs/development.md and docstrings give exists."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from test_documentation import ends

from prose.passages import COMMENTS, Passage, passages_of_document, passages_of_python, passages_of_script

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ("CONTRIBUTING.md", "docs/design.md", "docs/development.md")
PRODUCT = ("koyjabo", "clients", "deploy", "migrations", "config.py", "wsgi.py")
FOLDERS = (
    *("koyjabo", "clients", "deploy", "migrations", "tests", "tools", "bench", ".ci", ".github"),
    *("config.py", "wsgi.py", "Makefile", "pyproject.toml", ".env.example", "compose.yaml", "Dockerfile"),
)
PATH = r"[\w.*{}-]+(/[\w.*{}-]*)+|[\w*.-]+\.(py|html|js|mjs|ts|tsx|css|md|toml|lua)"
SKIPPED = {".cache", "node_modules", "vendor", "min", "__pycache__", "translations", "images"}
SUFFIXES = {".py", ".html", ".js", ".mjs", ".ts", ".tsx", ".css", ".lua", ".sql", ".toml", ".yaml", ".yml", ".json", ""}

ELSEWHERE = """
my_host faß okhttp curl dns socket.Socket aaaa abcabc abcdabcdab name/1.0 text/plain Referer instance/ dist/
.venv/bin/koyjabo /static/js/ pkg_resources _external _scheme default_transaction_read_only wal_level lc_messages
LEAVE_GRACE_SECONDS log.info europe/paris /C:/a.html userId passwordHash todayDate server.workers
"""
"""Names of other programs and examples."""


class Reference(NamedTuple):
    name: str
    place: str
    """File and line, as in `docs/api.md:12`."""


def missing(passages: Iterable[Passage]) -> list[Reference]:
    """The texts between backticks that name something that is not there."""
    return [
        Reference(name, passage.place)
        for passage in passages
        if passage.kind in ("docstring", "comment", "script", "document")
        for name in re.findall(r"`([^`]+)`", passage.text)
        if not exists(name)
    ]


def passages_of_file(path: Path) -> Iterator[Passage]:
    name = str(path.relative_to(ROOT))
    if path.suffix == ".py":
        yield from passages_of_python(name, path.read_text())
    elif path.suffix in COMMENTS:
        yield from passages_of_script(name, path.read_text())


def exists(name: str) -> bool:
    """Whether a text is a path, a name, a dotted name or a call that is there, or something else."""
    call = re.fullmatch(r"@?([\w.]*\w)(\(.*\))?", name)
    name = call[1] if call else name
    if name in ELSEWHERE.split() or re.search(r"\.example$|^com\.|^[\d./-]+$", name):
        return True
    if re.fullmatch(r"/[\w./-]+", name):
        return words_of_text(name) <= words()
    if re.fullmatch(PATH, name):
        return is_path(name)
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        parts = name.split(".")
        return all(map(is_known, parts)) and all(map(is_attribute, parts, parts[1:]))
    return True


def is_path(name: str) -> bool:
    name = name.rstrip("/")
    if "*" not in name and "{" not in name:
        return name in ends() or (ROOT / name).exists()
    pattern = re.compile(re.sub(r"\\\*|\\\{.*?\\\}", ".*", re.escape(name)))
    return any(pattern.fullmatch(path) for path in ends())


def is_known(name: str) -> bool:
    return name in words() or f"{name}.py" in ends() or name in ends()


def is_attribute(owner: str, name: str) -> bool:
    """Whether a class of this name, if there is one, has the other name in its file, or in the file of a base class."""
    homes = homes_of(owner)
    return not homes or any(name in words_of(path) for path in homes)


@cache
def homes_of(owner: str) -> set[Path]:
    known = classes().get(owner, [])
    bases = {base for text, _ in known for base in re.findall(r"\w+", text)} - {owner}
    return {path for _, path in known}.union(*map(homes_of, bases))


@cache
def classes() -> dict[str, list[tuple[str, Path]]]:
    kinds = defaultdict(list)
    for path in files():
        for name, bases in re.findall(r"^class (\w+)(?:\((.*)\))?:", path.read_text(errors="ignore"), re.MULTILINE):
            kinds[name].append((bases, path))
    return kinds


@cache
def files(folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    return [
        path
        for folder in folders
        for path in ([ROOT / folder] if (ROOT / folder).is_file() else sorted((ROOT / folder).rglob("*")))
        if path.suffix in SUFFIXES and path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)
    ]


@cache
def words() -> set[str]:
    """All words of code, without docstrings and comments."""
    return set().union(*map(words_of, files()))


@cache
def words_of(path: Path) -> set[str]:
    """The words of a file, without docstrings and comments, and names with dots between them."""
    pattern = COMMENTS.get(path.suffix, r"^[ \t]*(\"{3}.*?\"{3})|(?<!\")#[^\n]*" if path.suffix == ".py" else r"(?!)")
    text = re.sub(pattern, "", path.read_text(errors="ignore"), flags=re.DOTALL | re.MULTILINE)
    return words_of_text(text)


def words_of_text(text: str) -> set[str]:
    return {*re.findall(r"\w+", text), *re.findall(r"\w+(?:\.\w+)+", text)}


@pytest.mark.parametrize("folders", [PRODUCT, pytest.param(("tests", "tools", "bench"), marks=pytest.mark.long)])
def test_every_name_in_a_docstring_or_a_comment_exists(folders):
    assert missing(passage for path in files(folders) for passage in passages_of_file(path)) == []


def test_every_name_in_a_guide_exists():
    passages = [passage for name in GUIDES for passage in passages_of_document(name, (ROOT / name).read_text())]
    assert len(passages) > 100
    assert missing(passages) == []
