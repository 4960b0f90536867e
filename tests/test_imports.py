"""Who may import whom: a package imports only what stands before it in ORDER (docs/architecture.md)."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORDER = """
    text errors clock installation runtime extensions identity network models database cluster audit mail accounts
    settings presence counting realtime analytics insights communities sharing visit_log own_account observability
    maintenance importers weekly_report application sockets web koyjabo server cli
""".split()  # noqa: SIM905
MAY_USE = {  # libraries: the modules that may import them
    "sqlalchemy sqlite3 psycopg2": "database/* models/* *queries.py *_sqlite.py *_postgres.py settings/* */ledger.py "
    "server/process/patching.py",
    "flask": "web/* sockets/* application/* extensions.py __init__.py cli/* server/process/worker.py",
    "redis": "cluster/* *redis*.py realtime/message_bus.py realtime/broadcaster.py",
    "socketio engineio": "realtime/* sockets/* server/*",
    "eventlet greenlet": "server/loop/eventlet_loop.py server/process/patching.py",
}
MAY_OPEN_TRANSACTIONS = "database/* application/opening.py counting/opening_queries.py maintenance/backup.py \
maintenance/recount_job.py visit_log/import*.py"
"""Modules of the start and of commands; all others use the executor (decision 46)."""

FILES = [path.relative_to(ROOT / "koyjabo") for path in sorted((ROOT / "koyjabo").rglob("*.py"))]


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """The dotted names that a module imports, each with whether that happens when it is loaded."""
    tree = ast.parse((ROOT / "koyjabo" / path).read_text())
    at_start = {id(node) for node in tree.body}
    return [
        (name, id(node) in at_start)
        for node in ast.walk(tree)
        for name in (
            [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]


def package(name: str) -> str:
    first, _, rest = name.partition(".")
    return (rest.partition(".")[0] if rest.partition(".")[0] in ORDER else first) if first == "koyjabo" else first


def place(path: Path) -> int:
    name = path.parts[0].removesuffix(".py")
    return ORDER.index("koyjabo" if name == "__init__" else "cli" if name == "__main__" else name)


def test_a_package_imports_only_what_stands_before_it():
    found = [(path, package(name)) for path in FILES for name, _ in imports(path)]
    assert [(str(path), to) for path, to in found if to in ORDER and ORDER.index(to) > place(path)] == []


def test_a_library_is_used_only_where_a_name_says_so():
    for libraries, places in MAY_USE.items():
        users = {path for path in FILES for name, _ in imports(path) if package(name) in libraries.split()}
        elsewhere = [str(path) for path in users if not any(fnmatch(str(path), place) for place in places.split())]
        assert elsewhere == [], libraries


def test_only_a_start_and_commands_open_transactions_without_the_executor():
    direct = ("koyjabo.database.engine", "koyjabo.database.engine")
    users = {str(path) for path in FILES for name, _ in imports(path) if name.startswith(direct)}
    assert [each for each in users if not any(fnmatch(each, place) for place in MAY_OPEN_TRANSACTIONS.split())] == []


def test_packages_are_small_and_say_what_they_are():
    folders = {path.parent for path in FILES}
    assert len([path for path in FILES if len(path.parts) == 1]) <= 10
    assert {str(each): n for each in folders if (n := sum(path.parent == each for path in FILES) - 1) > 20} == {}
    texts = {each: (ROOT / "koyjabo" / each / "__init__.py").read_text() for each in folders}
    assert [each for each, text in texts.items() if not ast.get_docstring(ast.parse(text))] == []


def test_nothing_is_loaded_before_the_server_has_patched():
    early = [Path("__init__.py"), Path("server/process/parent.py")]
    loaded = [(str(path), name) for path in early for name, now in imports(path) if now and name.startswith("koyjabo")]
    assert [each for each in loaded if "server.process" not in each[1]] == []
