"""A Python process that has imported the product's modules, and forks programs on request.

`forking` runs it and sends requests. A forked program has its own environment, process group, files and exit status;
only its imports are already done.

A server patches the standard library before it imports the application. So this process imports everything under the
product's patch, then reverts the patch. A forked server applies the patch again.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = str(Path(__file__).resolve().parents[3])

FOR_SERVERS = (  # imported in addition to the packages that a server loads completely
    *("config", "koyjabo.application.assembly", "koyjabo.base.cluster.redis_client", "koyjabo.server.process.worker"),
    *("koyjabo.counting.ledger_postgres", "koyjabo.counting.ledger_sqlite"),
    *("psycopg2.extras", "sqlalchemy.dialects.postgresql.psycopg2", "sqlalchemy.dialects.sqlite"),
    "engineio.async_drivers.eventlet",
)
USED_BY_COMMANDS = ("engineio.async_drivers.threading", "sqlalchemy.dialects.postgresql.psycopg2")
"""Modules that are imported when an application is made."""

MISSING = object()

SET_CHILD_SUBREAPER = 36

REQUEST_SIZE = 1 << 20
REAPED_EVERY_S = 1
"""Ended programs are also looked for without a signal, because a test once waited for an exit status without an end."""

FILES = 4  # standard input, output and error, and a socket for the pid and the exit status


class Patch:
    """The changes that the product's patch makes to the standard library."""

    def __init__(self, patch: Callable[[], None]) -> None:
        """Apply the patch, and record the changes."""
        modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in sys.stdlib_module_names]
        before = [parts(module) for module in modules]
        patch()
        self._changes = [
            (module, name, was.get(name, MISSING), now.get(name, MISSING))
            for module, was, now in zip(modules, before, map(parts, modules), strict=True)
            for name in was.keys() | now.keys()
            if was.get(name, MISSING) is not now.get(name, MISSING)
        ]

    def undo(self) -> None:
        for module, name, original, _ in self._changes:
            put(module, name, original)

    def redo(self) -> None:
        for module, name, _, patched in self._changes:
            put(module, name, patched)


def parts(module: ModuleType) -> dict[str, object]:
    """Functions, classes and modules by name. Locks are left out, because eventlet must find and convert them."""
    return {name: part for name, part in vars(module).items() if callable(part) or isinstance(part, ModuleType)}


def put(module: ModuleType, name: str, value: object) -> None:
    if value is MISSING:
        vars(module).pop(name, None)
    else:
        setattr(module, name, value)


def make_hashes_cheap() -> None:
    """Make hashing cheap, as in the tests' own process (conftest). At full cost it takes 0.1 s on four threads."""
    import argon2

    class CheapHasher(argon2.PasswordHasher):
        def __init__(self, **costs: Any) -> None:
            super().__init__(time_cost=1, memory_cost=8, parallelism=1)

    argon2.PasswordHasher = CheapHasher  # type: ignore[misc]


def load_for_servers() -> None:
    """Import everything that a server loads, with or without Redis, for both kinds of database."""
    from koyjabo.server.process import loading, parent, patching, start  # noqa: F401 - before the patch, as in a server

    patch = Patch(loading.patch)
    make_hashes_cheap()
    from koyjabo.application import features

    for name in FOR_SERVERS:
        import_module(name)
    for package in (*features.packages(), *map(import_module, (*loading.PACKAGES, *loading.WITH_REDIS))):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".cli"):
                import_module(module.name)
    configure_mappers()
    patch.undo()
    keep_routes()
    load_tables()

    patching.patch = patch.redo
    loading.load = lambda settings: None  # to look for modules again would take an eighth of a start
    parent.PROGRAM = ""  # the parent keeps its memory, which costs less than a new interpreter


def keep_routes() -> None:
    """Create the routes that most programs need, for them to copy."""
    import config
    import koyjabo
    from tests.support.programs.applications import METRICS_TOKEN, SECRET, copied_routes

    settings = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "METRICS_TOKEN": METRICS_TOKEN}
    copied_routes(config.load({**settings, "ALLOW_EPHEMERAL_STORAGE": "1", "DATABASE_URL": "sqlite:////none.db"}), {})
    koyjabo.make_routes = copied_routes


def load_for_commands() -> None:
    """Import all of the product except its server."""
    make_hashes_cheap()
    import koyjabo

    for module in pkgutil.walk_packages(koyjabo.__path__, "koyjabo."):
        if not module.name.startswith(("koyjabo.server", "koyjabo.__main__")):
            import_module(module.name)
    for name in USED_BY_COMMANDS:
        import_module(name)
    configure_mappers()
    keep_routes()


def load_tables() -> None:
    """Load what a server otherwise loads for its first page, visit or report."""
    from babel import localedata

    from koyjabo.base.core.i18n import LANGUAGES
    from koyjabo.base.network import crawlers, user_agents
    from koyjabo.columns.dimensions.sources import Sources

    for language in LANGUAGES:
        localedata.load(language)
    user_agents.load()
    crawlers.load()
    Sources().of("https://not-listed.example/")


def configure_mappers() -> None:
    """Configure SQLAlchemy's mappers, which would otherwise happen on the first query."""
    from sqlalchemy import orm

    orm.configure_mappers()


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork a program for each request, and return the request in the forked program."""
    running: dict[int, socket.socket] = {}
    wake, woken = notice_ends()
    take_orphans()
    gc.freeze()
    while True:
        ready, _, _ = select.select([control, wake], [], [], REAPED_EVERY_S if running else None)
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
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a run under nohup ignores it
            close([control.detach(), wake, woken, *(connection.detach() for connection in running.values())])
            return take_over(json.loads(data), files)
        close(files[:3])
        running[pid] = socket.socket(fileno=files[3])
        tell(running, pid, f"pid {pid}")


def take_orphans() -> None:
    """Adopt the orphans of killed programs (prctl(2)), so that their CPU time is counted."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def notice_ends() -> tuple[int, int]:
    """A pipe that becomes readable when a program ends."""
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
    """Reap ended processes, and send each exit status to the requester."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in running:
                tell(running, pid, f"exit {os.waitstatus_to_exitcode(status)}")
                running.pop(pid).close()


def tell(running: dict[int, socket.socket], pid: int, message: str) -> None:
    with suppress(OSError):  # the reader is gone
        running[pid].send(message.encode())


def take_over(request: dict[str, Any], files: list[int]) -> dict[str, Any]:
    """Become the program: take its session, files and environment."""
    os.setsid()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    close(files)
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # recomputed from the environment
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return request


def run(arguments: list[str]) -> None:
    """Run the arguments as `python …` does."""
    what, *rest = arguments
    if what == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(what).resolve().parent)
        sys.argv = arguments
        runpy.run_path(what, run_name="__main__")


def end(status: object) -> None:
    """Exit without freeing modules, which would copy all shared memory."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError):  # if this fails, the interpreter reports it on exit
        sys.stdout.flush()
        sys.stderr.flush()
        if isinstance(status, int | None):
            os._exit(status or 0)


if __name__ == "__main__":
    _, kind, descriptor = sys.argv
    sys.path[0] = ROOT
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    {"servers": load_for_servers, "commands": load_for_commands}[kind]()
    request = serve(socket.socket(fileno=int(descriptor)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(request["arguments"])
    except SystemExit as ended:
        end(ended.code)
        raise
