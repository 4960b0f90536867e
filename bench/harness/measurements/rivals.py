"""Other servers to compare with, in locked versions, and the least that a broadcast can cost. `missing` says why one of
them cannot run on this machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.folders import BENCH, compiled, installed
from harness.measurements.broadcasts import PLAIN_ENDPOINT, SOCKET_IO_ENDPOINT
from harness.measurements.contenders import Candidate, Contender
from harness.reporting.machine import node_version
from harness.servers.databases import POSTGRES, STARTING_TOTAL

RIVALS = BENCH / "rivals"
NODE_LOCK, PYTHON_LOCK = RIVALS / "package-lock.json", RIVALS / "requirements.txt"
FLOOR, NCHAN, UWS = "floor: send() in C", "nginx Nchan", "uWebSockets"
WS, NODE_SOCKET_IO, STOCK = "Node ws", "Node socket.io", "Flask-SocketIO on eventlet"
EXPRESS, DJANGO = "Express, PostgreSQL", "Django, PostgreSQL"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
GUNICORN = "-m gunicorn -b 127.0.0.1:$PORT -k gthread -w 2 --threads 8 --log-level error visits_django"
PATIENCE_S = 60

Program = tuple[tuple[str, ...], str]
"""A command, and why it cannot run on this machine, or an empty text."""


def pushing() -> list[Candidate]:
    """Servers that push an update on GET /emit?n=1."""
    update = (BENCH / "load" / "visitor_update.json").read_text().strip()
    socket_io = {
        STOCK: ((sys.executable, str(RIVALS / "push_flask.py")), ""),
        NODE_SOCKET_IO: _node("socket.io", "push.js", "socket.io"),
    }
    plain = {
        WS: _node("ws", "push.js", "ws"),
        UWS: _node(str(RIVALS / "uws.js"), "push.js", "uws"),
        NCHAN: _nchan(),
        FLOOR: ((compiled("floor"), update), ""),
    }
    return [
        Candidate(name, command, endpoint, is_product=False, missing=missing)
        for endpoint, programs in ((SOCKET_IO_ENDPOINT, socket_io), (PLAIN_ENDPOINT, plain))
        for name, (command, missing) in programs.items()
    ]


def registering() -> list[Contender]:
    """Servers that register visits with the function in visits.sql."""
    sql = (RIVALS / "visits.sql").read_text().format(total=STARTING_TOTAL)
    programs = {EXPRESS: _node("express", "visits.js"), DJANGO: _django()}
    return [
        Contender(name, POSTGRES, command, sql=sql, missing=missing) for name, (command, missing) in programs.items()
    ]


def absent(others: Sequence[Candidate | Contender], columns: int) -> list[list[str]]:
    """Table rows for those that cannot run."""
    return [[f"{other.name}: {other.missing}", *["-"] * (columns - 1)] for other in others if other.missing]


def versions() -> str:
    packages = json.loads((RIVALS / "package.json").read_text())["dependencies"]
    python = (line.split()[0].replace("==", " ") for line in PYTHON_LOCK.read_text().splitlines() if "==" in line)
    return ", ".join([*(f"{name} {version}" for name, version in packages.items()), *python, f"Node {node_version()}"])


def _node(module: str, script: str, *arguments: str) -> Program:
    try:
        node = ("env", f"NODE_PATH={installed(NODE_LOCK) / 'node_modules'}", "NODE_ENV=production", "node")
        subprocess.run((*node, "-e", f"require({module!r})"), check=True, capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        return (), f"npm cannot install {Path(module).name}, or Node cannot load it"
    return (*node, str(RIVALS / script), *arguments), ""


def _nchan() -> Program:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not (Path(nginx).exists() and NCHAN_MODULE.exists()):
        return (), "apt install nginx-light libnginx-mod-nchan"
    return (sys.executable, str(RIVALS / "push_nchan.py"), nginx, str(NCHAN_MODULE)), ""


def _django() -> Program:
    try:
        packages = installed(PYTHON_LOCK)
    except (OSError, subprocess.SubprocessError):
        return (), "pip cannot install it"
    return ("sh", "-c", f"PYTHONPATH={packages}:{RIVALS} exec {sys.executable} {GUNICORN}"), ""
