"""Who may import whom (docs/architecture.md), read from the imports themselves, also those inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
GROUND = {
    "errors",
    "events",
    "stats",
    "clock",
    "models",
    "extensions",
    "runtime",
    "addresses",
    "credentials",
    "database_urls",
    "keys",
    "origins",
    "rates",
    "sites",
    "trace",
    "texts",
}
DOMAIN = {
    "visits",
    "bots",
    "numbers",
    "rights",
    "seats",
    "presence",
    "pairing",
    "places",
    "countries",
    "backups",
    "backup_files",
    "bookkeeping",
    "export_files",
    "visit_imports",
    "import_files",
    "repairs",
    "recounts",
    "retention",
    "erasure",
    "nightly",
    "communities",
    "memberships",
    "archive",
    "audit",
    "visit_log",
    "exports",
    "system",
    "workers",
    "metrics",
    "gauges",
    "comebacks",
    "traffic",
    "users",
    "accounts",
    "login_failures",
    "sessions",
    "browsers",
    "passwords",
    "first_admin",
    "tokens",
    "reports",
    "history",
    "chronicle",
    "kept",
    "roles",
    "holds",
    "peaks",
    "tracker",
}
ROOMS = {"web", "sockets", "cli", "demo", "server", "storage", "realtime"}

MAY_IMPORT = {  # rooms by rooms; their own is understood
    "web": {"services", "domain", "ground"},
    "sockets": {"services", "domain", "ground"},
    "cli": {"services", "domain", "ground", "package", "config", "server", "logs", "demo"},
    "demo": {"domain", "ground", "config"},
    "services": {"domain", "ground", "realtime"},
    "domain": {"storage", "ground"},
    "storage": {"ground"},
    "realtime": {"domain", "ground"},
    "ground": set(),
    "logs": {"ground"},
    "server": {"services", "package", "config", "realtime", "ground", "logs"},
}
NEVER = {  # libraries by room
    "demo": {"flask", "redis", "sqlalchemy", "sqlite3", "psycopg2"},
    "domain": {"flask", "redis", "eventlet", "greenlet", "sqlalchemy", "sqlite3", "psycopg2"},
    "ground": {"flask", "redis", "eventlet", "greenlet", "sqlite3", "psycopg2"},
    "web": {"redis", "sqlalchemy", "sqlite3", "psycopg2"},
    "sockets": {"redis", "sqlalchemy", "sqlite3", "psycopg2"},
    "realtime": {"sqlalchemy", "sqlite3", "psycopg2", "flask_sqlalchemy"},
    "server": {"sqlite3", "psycopg2"},
}
GREEN = {"eventlet", "greenlet"}


class Import(NamedTuple):
    by: str  # the module it stands in
    name: str  # what is imported, with its module
    at_start: bool  # when the module is loaded, and not in a function or for type checkers alone


def imports_of(module: str, source: str, is_package: bool = False) -> list[Import]:
    return list(_walk(module, is_package, ast.parse(source), True))


def _walk(module: str, is_package: bool, node: ast.AST, at_start: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(module, alias.name, at_start) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = module.split(".")[: None if is_package and node.level == 1 else -(node.level - is_package) or None]
        base = ".".join([*(parents if node.level else []), *([node.module] if node.module else [])])
        yield from (Import(module, f"{base}.{alias.name}", at_start) for alias in node.names)
    inner = at_start and not _runs_later(node)
    for child in ast.iter_child_nodes(node):
        yield from _walk(module, is_package, child, inner)


def _runs_later(node: ast.AST) -> bool:
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    return is_for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "koyjabo").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


IMPORTS = [
    each
    for module, path in modules()
    for each in imports_of(module, path.read_text(), is_package=path.name == "__init__.py")
]


def room(name: str) -> str:
    """Where in the house a dotted name lives; a library is its own."""
    parts = name.split(".")
    if parts[0] != "koyjabo":
        return parts[0]
    second = parts[1] if len(parts) > 1 else ""
    kinds = {
        **dict.fromkeys(GROUND, "ground"),
        **dict.fromkeys(DOMAIN, "domain"),
        "logs": "logs",
        "services": "services",
        "settings": "config",
    }
    return second if second in ROOMS else kinds.get(second, "package")


def told(imports: list[Import]) -> list[str]:
    return sorted({f"{each.by} imports {each.name}" for each in imports})


@pytest.mark.parametrize("where", sorted(MAY_IMPORT))
def test_rooms_import_only_what_stands_below_them(where):
    houses = {*MAY_IMPORT, "package", "config"} - MAY_IMPORT[where] - {where}
    assert told([each for each in IMPORTS if room(each.by) == where and room(each.name) in houses]) == []


@pytest.mark.parametrize("where", sorted(NEVER))
def test_rooms_leave_libraries_to_those_they_belong_to(where):
    models = "koyjabo.models"  # it says what the tables are
    found = [each for each in IMPORTS if room(each.by) == where and each.by != models]
    assert told([each for each in found if room(each.name) in NEVER[where]]) == []


def test_only_the_server_knows_of_eventlet():
    assert told([each for each in IMPORTS if room(each.name) in GREEN and room(each.by) != "server"]) == []
    assert {room(each.name) for each in IMPORTS if room(each.by) == "server"} >= {"eventlet"}


def test_package_loads_nothing_before_the_server_has_patched():
    loaded = {room(each.name) for each in IMPORTS if each.by == "koyjabo" and each.at_start}
    assert loaded <= {"__future__", "typing", "collections"}


def test_server_loads_nothing_of_the_domain_with_itself():
    loaded = [each for each in IMPORTS if room(each.by) == "server" and each.at_start]
    assert told([each for each in loaded if room(each.name) in {"domain", "web", "cli", "sockets", "package"}]) == []


@pytest.mark.parametrize(
    ("source", "is_package", "found"),
    [
        ("import koyjabo.web.api", False, ("koyjabo.web.api", True)),
        ("from koyjabo.web import api", False, ("koyjabo.web.api", True)),
        ("from koyjabo import visits as v", False, ("koyjabo.visits", True)),
        ("from .group import Job", False, ("koyjabo.storage.group.Job", True)),
        ("from . import group", False, ("koyjabo.storage.group", True)),
        ("from ..visits import Visits", False, ("koyjabo.visits.Visits", True)),
        ("from . import group", True, ("koyjabo.storage.ledger.group", True)),
        ("def f():\n import eventlet", False, ("eventlet", False)),
        ("class A:\n if True:\n  import redis", False, ("redis", True)),
        ("if TYPE_CHECKING:\n from flask import Flask", False, ("flask.Flask", False)),
    ],
)
def test_every_way_of_importing_is_seen(source, is_package, found):
    assert [each[1:] for each in imports_of("koyjabo.storage.ledger", source, is_package)] == [found]
