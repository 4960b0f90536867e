"""Every name that CONTRIBUTING.md, docs/design.md, docs/development.md, docstrings and comments give exists.

These texts name files, classes, functions, attributes, constants, tables, columns, variables and routes in backticks.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
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
SKIPPED = {"node_modules", "vendor", "min", "__pycache__", "translations", "images"}
SUFFIXES = {".py", ".html", ".js", ".mjs", ".ts", ".tsx", ".css", ".lua", ".sql", ".toml", ".yaml", ".yml", ".json", ""}


ELSEWHERE = {
    *(
        "my_host",
        "faß",
        "okhttp",
        "curl",
        "dns",
        "socket.Socket",
        "aaaa",
        "abcabc",
        "abcdabcdab",
        "name/1.0",
        "text/plain",
        "Referer",
    ),
    *("instance/", "dist/", ".venv/bin/koyjabo", "/static/js/", "pkg_resources", "_external", "_scheme"),
    *("default_transaction_read_only", "wal_level", "lc_messages", "LEAVE_GRACE_SECONDS", "log.info"),
    *("/C:/a.html", "userId", "passwordHash", "todayDate", "server.workers"),
}
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
        if not exists(name, ROOT / passage.place.partition(":")[0])
    ]


def passages_of_file(path: Path) -> Iterator[Passage]:
    name = str(path.relative_to(ROOT))
    if path.suffix == ".py":
        yield from passages_of_python(name, path.read_text())
    elif path.suffix in COMMENTS:
        yield from passages_of_script(name, path.read_text())


def exists(name: str, path: Path) -> bool:
    """Whether a text in a file is a path, a name, a dotted name or a call that is there, or something else."""
    call = re.fullmatch(r"@?([\w.]*\w)(\(.*\))?", name)
    name = call[1] if call else name
    if name in ELSEWHERE or re.search(r"\.example$|^com\.|^[\d./-]+$", name):
        return True
    if re.fullmatch(r"/[\w./-]+", name):
        return words_of_text(name) <= words()
    if re.fullmatch(PATH, name):
        return is_path(name)
    if re.fullmatch(r"[^\W\d]\w*", name):
        return is_known(name)
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", name):
        return name in words() or is_attribute(name.split("."), path)
    return True


def is_path(name: str) -> bool:
    name = name.rstrip("/")
    if "*" not in name and "{" not in name:
        return name in ends() or (ROOT / name).exists()
    pattern = re.compile(re.sub(r"\\\*|\\\{.*?\\\}", ".*", re.escape(name)))
    return any(pattern.fullmatch(path) for path in ends())


def is_known(name: str) -> bool:
    return name in words() or f"{name}.py" in ends() or name in ends()


def is_attribute(parts: list[str], path: Path) -> bool:
    """Whether the last of some dotted names is defined in the one before it: a module, a package, a class, an object
    named after its class, or a table. The owner may also be a value in the same file.
    """
    owner, name = parts[-2:]
    kinds = [kind for kind in (owner, owner.title().replace("_", "")) if kind in owners()]
    if kinds:
        return any(name in owners()[kind] for kind in kinds)
    if find_spec(parts[0]) is not None and parts[0] != "koyjabo":
        return True
    is_value = path.suffix != ".py" or owner in words_of(path)
    return is_value and not name.isupper() and is_known(name)


@cache
def owners() -> dict[str, set[str]]:
    """The names defined in modules, packages and classes, with those that classes inherit."""
    names: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, set[str]] = defaultdict(set)
    for path in python_files():
        is_package = path.stem == "__init__"
        names[path.parent.name if is_package else path.stem] |= names_of(tree(path))
        names[(path.parent.parent if is_package else path.parent).name].add(
            path.parent.name if is_package else path.stem
        )
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                names[node.name] |= names_of(node) | attributes_of(node)
                names[table_of(node)] |= names_of(node)
                bases[node.name] |= {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    names["ui"] |= {macro for path in files() if path.suffix == ".html" for macro in macros_of(path)}
    for _ in range(3):
        for kind in bases:
            names[kind] |= {name for base in bases[kind] for name in names.get(base, ())}
    return dict(names)


def table_of(kind: ast.ClassDef) -> str:
    """The name of a model's table, or an empty text."""
    names = [node.value for node in kind.body if isinstance(node, ast.Assign) and "__tablename__" in ast.unparse(node)]
    return str(names[0].value) if names and isinstance(names[0], ast.Constant) else ""


def macros_of(template: Path) -> list[str]:
    return re.findall(r"\{%-? macro (\w+)", template.read_text())


def names_of(node: ast.Module | ast.ClassDef) -> set[str]:
    """The names that a module or class defines or imports, also in branches."""
    names = set()
    for statement in node.body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(statement.name)
            continue
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                names.add(part.id)
            elif isinstance(part, ast.alias):
                names.add(part.asname or part.name)
            elif isinstance(part, ast.ClassDef | ast.FunctionDef):
                names.add(part.name)
    return names


def attributes_of(kind: ast.ClassDef) -> set[str]:
    """The attributes that methods of a class set."""
    return {node.attr for node in ast.walk(kind) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}


def python_files() -> list[Path]:
    """The modules whose names are looked up: the product, and what tests and tools share."""
    return [path for path in files((*PRODUCT, "tools", "tests/support", "tests/conftest.py")) if path.suffix == ".py"]


@cache
def files(folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    return [
        path
        for folder in folders
        for path in ([ROOT / folder] if (ROOT / folder).is_file() else sorted((ROOT / folder).rglob("*")))
        if path.suffix in SUFFIXES and path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)
    ]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


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
