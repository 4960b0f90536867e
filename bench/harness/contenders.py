"""Who is measured: this server, a version before, ceilings, and the same transaction in Node."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from harness.folders import BENCH, ROOT
from harness.peers import NODE_MODULES, PEERS
from harness.versions import THIS, Version

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class Contender:
    """A server to start in `folder`. `keeps` says whether it stores what it is sent, so that it can be checked."""

    name: str
    backend: str
    command: tuple[str, ...]
    keeps: bool = True
    env: tuple[tuple[str, str], ...] = ()
    folder: Path = ROOT

    @property
    def migrates(self) -> bool:
        """Whether it is another version, which makes its own tables."""
        return self.folder != ROOT


def _own(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(SERVERS / script), *arguments)


SERVERS = BENCH / "servers"
PRODUCT = THIS.server

ON_SQLITE = Contender("this server, SQLite", SQLITE, PRODUCT)
ON_POSTGRES = Contender("this server, PostgreSQL", POSTGRES, PRODUCT)
CEILING = Contender("Flask: get_json, constant answer", SQLITE, _own("constant.py", "get_json"), keeps=False)
CHECKED_CEILING = Contender("Flask: checked body, constant answer", SQLITE, _own("constant.py", "checked"), keeps=False)
NODE = Contender(
    "Node express + pg, PostgreSQL",
    POSTGRES,
    ("node", str(PEERS / "node_peer.js")),
    env=(("NODE_PATH", str(NODE_MODULES)), ("NODE_ENV", "production")),
)

NODE_CONSTANT = Contender("Node http, constant answer", SQLITE, ("node", str(SERVERS / "constant.js")), keeps=False)


def everybody(before: Version | None) -> list[Contender]:
    ours = [ON_SQLITE, ON_POSTGRES, *(of_version(before) if before else ())]
    return [*ours, CEILING, CHECKED_CEILING, NODE_CONSTANT, NODE]


def of_version(version: Version) -> tuple[Contender, Contender]:
    """It on SQLite and on PostgreSQL. Its ledger is not checked, since its tables may be others."""
    return tuple(
        Contender(f"{version.name}, {backend}", backend, version.server, keeps=False, folder=version.folder)
        for backend in (SQLITE, POSTGRES)
    )
