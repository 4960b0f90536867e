"""Who is measured: this server, its ceiling, the naive way, and the same transaction in Django and in Node."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from harness.folders import BENCH, ROOT
from harness.peers import NODE_MODULES, PEERS, VENV_BIN

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
WORKERS, THREADS = "2", "8"


@dataclass(frozen=True)
class Contender:
    """A server to start. `keeps` says whether it stores what it is told, so that it can be checked."""

    name: str
    backend: str
    command: tuple[str, ...]
    keeps: bool = True
    env: tuple[tuple[str, str], ...] = ()


def _own(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(BENCH / "servers" / script), *arguments)


PRODUCT = (sys.executable, str(ROOT / "wsgi.py"))
GUNICORN = (str(VENV_BIN / "gunicorn"), "--chdir", str(PEERS), "--bind", "127.0.0.1:{port}", "--workers", WORKERS)
GTHREAD = ("--worker-class", "gthread", "--threads", THREADS, "--keep-alive", "75", "--log-level", "error")

ON_SQLITE = Contender("this server, SQLite", SQLITE, PRODUCT)
ON_POSTGRES = Contender("this server, PostgreSQL", POSTGRES, PRODUCT)
CEILING = Contender("ceiling: get_json, constant answer", SQLITE, _own("constant.py", "get_json"), keeps=False)
CHECKED_CEILING = Contender("ceiling: checked body, constant", SQLITE, _own("constant.py", "checked"), keeps=False)
NAIVE_SQLITE = Contender("naive ORM, SQLite", SQLITE, _own("naive.py"))
NAIVE_POSTGRES = Contender("naive ORM, PostgreSQL", POSTGRES, _own("naive.py"))
DJANGO = Contender("Django + gunicorn, PostgreSQL", POSTGRES, (*GUNICORN, *GTHREAD, "django_peer.wsgi:application"))
NODE = Contender(
    "Node express + pg, PostgreSQL",
    POSTGRES,
    ("node", str(PEERS / "node_peer.js")),
    env=(("NODE_PATH", str(NODE_MODULES)), ("NODE_ENV", "production")),
)

EVERYBODY = (
    ON_SQLITE,
    ON_POSTGRES,
    CEILING,
    CHECKED_CEILING,
    NAIVE_SQLITE,
    NAIVE_POSTGRES,
    DJANGO,
    NODE,
)
