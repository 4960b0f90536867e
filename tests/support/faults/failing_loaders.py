"""Servers whose loader, or a process it forks, fails in a chosen way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from support.databases.database import Database
from support.programs.processes import children, is_gone, listens, wait_until
from support.servers.server import START_S, Server

SERVE = """
import sys
from koyjabo.server import serve
sys.exit(serve())
"""

PATIENT = f"""
from koyjabo.server.process import loader_process, parent
assert loader_process.DRAIN_S < parent.KILL_AFTER_S < 10
loader_process.DRAIN_S = parent.KILL_AFTER_S = 3600.0
{SERVE}
"""
"""A program that may drain for an hour, so that tests notice if a server waits until the limit."""

MIDDLE_BORN, WORKER_FORKED, WORKER_BORN = "child 2", "parent 2", "child 3"
"""Moments after a fork when a test can hold a process: the intermediate process between loader and worker, or the
worker.
"""


def held_forks(folder: Path, serve: str = SERVE) -> str:
    """A program whose processes wait after a fork while `folder` contains a file named after that moment."""
    return f"""
import os
from time import sleep  # as it is before the standard library is patched
generation = 0

def hold(side):
    for _ in range(12_000):
        if not os.path.exists(f"{folder}/{{side}} {{generation}}"):
            return
        sleep(0.01)

def begin_a_generation():
    global generation
    generation += 1
    hold("child")

os.register_at_fork(after_in_child=begin_a_generation, after_in_parent=lambda: hold("parent"))
{serve}
"""


def failing(flag: Path, function: str, error: str) -> str:
    """A program whose `module:function` raises `error` while `flag` exists."""
    module, _, name = function.partition(":")
    return f"""
import errno, os
import {module} as patched
original = patched.{name}

def fail_while_wanted(*arguments, **options):
    if os.path.exists({str(flag)!r}):
        raise {error}
    return original(*arguments, **options)

patched.{name} = fail_while_wanted
{SERVE}
"""


def written(folder: Path, script: str) -> tuple[str, ...]:
    """Write the script to `folder`, and return the arguments that run it as a server. It is forked like the product."""
    program = folder / "loading_server.py"
    program.write_text(script)
    return (str(program),)


class LoadingServer(Server):
    """A server with several workers, started from `script`."""

    def __init__(self, database: Database, folder: Path, script: str, places: int, **settings: object) -> None:
        super().__init__(database, folder, WEB_CONCURRENCY=places, **settings)
        self.program = written(folder, script)
        self.places = places
        self.has_loader = True

    def loader(self) -> psutil.Process:
        """Wait for the loader process, and return it."""
        return wait_until(self.loaders, "there is a loader", START_S)[0]

    def is_complete(self) -> bool:
        """Whether all workers are serving, with no other process except the loader."""
        has_loader = len(self.loaders()) == self.has_loader
        return len(self.workers()) == self.places and has_loader and self.count_listening() == self.places

    def count_listening(self) -> int:
        """The number of workers that are listening. A loader counts as a worker until it has set its name, but it never
        listens.
        """
        return sum(listens(worker.pid) for worker in self.workers())

    def wait_until_complete(self) -> None:
        wait_until(self.is_complete, "all workers serve", START_S)

    @contextmanager
    def held(self, *moments: str) -> Iterator[None]:
        """Hold processes at these moments. The program must be created by `held_forks`."""
        files = [self._folder / moment for moment in moments]
        for file in files:
            file.touch()
        try:
            yield
        finally:
            for file in files:
                file.unlink()

    def middle(self, has_forked: bool = False) -> psutil.Process:
        """Wait for an intermediate process between loader and worker. With `has_forked`, it has already forked the
        worker.
        """

        def find() -> list[psutil.Process]:
            with suppress(psutil.Error):
                born = [child for loader in self.loaders() for child in children(loader.pid) if not is_gone(child)]
                return [process for process in born if children(process.pid) or not has_forked]
            return []

        return wait_until(find, "the loader forks", START_S)[0]

    def frozen_middle(self) -> psutil.Process:
        """Kill a worker, and suspend the intermediate process that would fork its replacement."""
        with self.held(MIDDLE_BORN):
            self.kill_worker()
            middle = self.middle()
            middle.suspend()
            wait_until(lambda: middle.status() == psutil.STATUS_STOPPED, "it is suspended")
        return middle

    def seconds_without_loader(self) -> float:
        """Kill the loader, and return how long it takes until there is a new one, in s."""
        began = time.monotonic()
        killed = self.loader()
        killed.kill()
        wait_until(
            lambda: [loader for loader in self.loaders() if loader.pid != killed.pid], "there is another one", START_S
        )
        return time.monotonic() - began
