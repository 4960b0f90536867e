"""A Python process that has loaded what the product's programs import, and forks one of them when it is asked.

`support.forking` runs it and speaks to it. A forked program is one like any other: it has an environment, a process
group, files and an exit status of its own; only what it imports is there already.

A server has to patch the standard library before most of what it imports. So modules that were loaded beforehand are
hidden from it until it imports the first of them, which is right after patching; what these took from the standard
library by name is then exchanged for its patched counterpart. SQLAlchemy keeps real locks, as in a worker.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import queue  # noqa: F401 - with the next, what eventlet patches: never hidden
import runpy
import select
import selectors  # noqa: F401
import signal
import socket
import ssl  # noqa: F401
import subprocess  # noqa: F401
import sys
import threading  # noqa: F401
import time  # noqa: F401
import warnings
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])
PATCHED = ("_thread", "queue", "select", "selectors", "socket", "ssl", "subprocess", "threading", "time")
GREEN = ("Queue", "os", "select", "selectors", "socket", "ssl", "subprocess", "thread", "threading", "time")

FOR_SERVERS = (
    *("flask", "flask_sqlalchemy", "flask_babel", "flask_jwt_extended", "flask_swagger_ui", "jinja2.ext"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg2", "psycopg2.extras", "pydantic"),
    *("apispec.ext.marshmallow", "argon2", "babel.dates", "babel.numbers", "crawleruseragents", "dotenv", "gzip"),
    *("maxminddb", "redis.asyncio", "requests", "uuid", "werkzeug.middleware.proxy_fix", "wsproto"),
    *("xml.etree.ElementTree", "zoneinfo"),
)
"""Not prometheus_client, which looks at the environment when it is imported, nor socketio and its like."""

REQUEST_SIZE = 1 << 20
FILES = 4
"""Standard input, output and error, and a socket for the pid and the exit status."""


class Hidden:
    """Finds modules that were loaded beforehand. One of the standard library is shown by itself; the first that is not
    shows all of them.

    Its slots are hidden as well: eventlet patches whatever it reaches through `vars`.
    """

    __slots__ = ("_kept", "_modules", "_originals", "_spec")

    def __init__(self, modules: dict[str, ModuleType], with_real_locks: set[str]) -> None:
        self._modules = modules
        self._kept = with_real_locks
        self._originals = {
            id(value): (value, module, name)
            for module in PATCHED
            for name, value in vars(sys.modules[module]).items()
            if not name.startswith("__") and callable(value)
        }

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._modules:
            return None
        if name.partition(".")[0] not in sys.stdlib_module_names:
            sys.meta_path.remove(self)
            self._show(but=name)
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._spec = self._modules[spec.name].__spec__
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec

    def _show(self, but: str) -> None:
        """All but the one that is being imported: if it were there already, it would be executed again."""
        patched = {
            known: now
            for known, (value, module, name) in self._originals.items()
            if (now := getattr(sys.modules[module], name, None)) is not value and now is not None
        }
        for name, module in self._modules.items():
            if name != but:
                sys.modules.setdefault(name, module)
            if patched and name not in self._kept:
                exchange(vars(module), patched)


def exchange(names: dict[str, Any], patched: dict[int, Any]) -> None:
    for name, value in list(names.items()):
        if id(value) in patched:
            names[name] = patched[id(value)]


def make_hashes_cheap() -> None:
    """As in the tests' own process (conftest): Argon2id at full cost takes 0.1 s of four threads for each password."""
    import argon2

    class CheapHasher(argon2.PasswordHasher):
        def __init__(self, **costs: Any) -> None:
            super().__init__(time_cost=1, memory_cost=8, parallelism=1)

    argon2.PasswordHasher = CheapHasher  # type: ignore[misc]


def load_for_servers() -> None:
    """Third-party modules, in the order and with the locks that `koyjabo.server.process.patching` gives them."""
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet's own, about itself
        from eventlet import patcher

    for name in GREEN:
        import_module(f"eventlet.green.{name}")
    shown = set(sys.modules)
    green, sys.modules["threading"] = sys.modules["threading"], patcher.original("threading")
    shown |= {"__original_module_threading", "__original_module__thread"}
    import sqlalchemy.orm  # noqa: F401

    sys.modules["threading"] = green
    with_real_locks = set(sys.modules) - shown
    for name in FOR_SERVERS:
        with suppress(ImportError):
            import_module(name)
    make_hashes_cheap()
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name not in shown}
    sys.meta_path.insert(0, Hidden(hidden, with_real_locks))


def load_for_commands() -> None:
    """All of the product but its server."""
    make_hashes_cheap()
    import koyjabo

    for found in pkgutil.walk_packages(koyjabo.__path__, "koyjabo."):
        if not found.name.startswith(("koyjabo.server", "koyjabo.__main__")):
            import_module(found.name)


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork a program for each request; its request is returned in the program. Ends when nobody can ask any more."""
    running: dict[int, socket.socket] = {}
    wake, woken = notice_ends()
    gc.freeze()
    while True:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            reap(running)
        if control not in ready:
            continue
        data, files, _, _ = socket.recv_fds(control, REQUEST_SIZE, FILES)
        if not data:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            close([control.detach(), wake, woken, *(each.detach() for each in running.values())])
            return take_over(json.loads(data), files)
        close(files[:3])
        running[pid] = socket.socket(fileno=files[3])
        running[pid].send(str(pid).encode())


def notice_ends() -> tuple[int, int]:
    """A pipe that can be read when a program has ended."""
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake, woken


def close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def reap(running: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with running.pop(pid) as asker, suppress(OSError):
                asker.send(str(os.waitstatus_to_exitcode(status)).encode())


def take_over(request: dict[str, Any], files: list[int]) -> dict[str, Any]:
    """Become the program: its session, files and environment."""
    os.setsid()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    close(files)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return request


def run(arguments: list[str]) -> None:
    """As `python …` does."""
    what, *rest = arguments
    if what == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(what).resolve().parent)
        sys.argv = arguments
        runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    _, kind, descriptor = sys.argv
    sys.path[0] = ROOT
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    {"servers": load_for_servers, "commands": load_for_commands}[kind]()
    wanted = serve(socket.socket(fileno=int(descriptor)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(wanted["arguments"])
