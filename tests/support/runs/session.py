"""Pytest hooks of a run: options, folder, order, and the summary."""

from __future__ import annotations

import gc
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.programs.ports import reserve_ports
from support.programs.run_folder import RunFolder
from support.runs import cpu
from support.runs.durations import Durations
from support.runs.profile import Profile
from support.runs.short_run import COLLECTED

FOLDER, DURATIONS = pytest.StashKey[RunFolder](), pytest.StashKey[Durations]()
CPU_S = pytest.StashKey[list[float]]()
PORTS = pytest.StashKey[socket.socket]()
PROFILE = pytest.StashKey[Profile]()

GARBAGE = 10_000
"""Number of new objects before Python collects cycles. Most tests finish before that."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("koyjabo")
    group.addoption("--random-order", nargs="?", type=int, const=random.randrange(10**6), metavar="SEED",
                    help="shuffle the modules, and the tests in each")  # fmt: skip
    group.addoption("--alone", action="store_true", help="run tests of other modules between the tests of each module")
    group.addoption("--store-durations", action="store_true", help="write the modules' durations to durations.json")
    group.addoption("--profile", action="store_true", help="print the CPU time of modules and fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs in the main process and in each xdist process, which inherits its environment."""
    if hasattr(config, "workerinput"):
        config.stash[PORTS] = reserve_ports()
    else:
        config.stash[FOLDER] = RunFolder()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(config.stash[FOLDER].path)
    config.stash[DURATIONS] = Durations("quick" if config.option.markexpr else "full")
    config.stash[CPU_S] = []
    if config.option.profile:
        config.stash[PROFILE] = Profile()
        config.pluginmanager.register(config.stash[PROFILE])
    gc.disable()  # importing and collecting tests creates many lasting objects, and no garbage


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the seed at the start, because a killed run prints no summary."""
    if FOLDER in session.config.stash and (seed := session.config.option.random_order) is not None:
        session.config.get_terminal_writer().line(f"random order: SEED={seed}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Record all tests before deselecting some, and sort the rest."""
    config.stash[COLLECTED] = list(items)
    durations = config.stash[DURATIONS]
    ordered = sorted(_modules(items), key=lambda module: -durations.of(_module(module[0].nodeid)))
    if (seed := config.option.random_order) is not None:
        order = random.Random(seed)
        order.shuffle(ordered)
        for module in ordered:
            order.shuffle(module)
    items[:] = [item for module in ordered for item in module]
    yield
    if config.option.alone:
        places = {item: index / len(module) for module in _modules(items) for index, item in enumerate(module)}
        items.sort(key=places.__getitem__)


def pytest_collection_finish() -> None:
    """Exclude the collected tests from garbage collection: they live until the end."""
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cpu_s"] = cpu.used_s()
        if profile := session.config.stash.get(PROFILE, None):
            output["profile"] = profile.as_dict()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Record the CPU time of an xdist process that has ended. A killed process reports none."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[CPU_S].append(output.get("cpu_s", 0.0))
    if "profile" in output:
        node.config.stash[PROFILE].add(output["profile"])


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if workers_s := sum(config.stash[CPU_S]):
        terminalreporter.write_line(f"{workers_s + time.process_time() + cpu.postgres_s():.0f} s of CPU")
    if profile := config.stash.get(PROFILE, None):
        profile.report(terminalreporter)
    if (seed := config.option.random_order) is not None:
        terminalreporter.write_line(f"in a random order; to repeat it: --random-order {seed}")
    if config.option.store_durations:
        taken_s: Counter[str] = Counter()
        for reports in terminalreporter.stats.values():
            for report in reports:
                if isinstance(report, pytest.TestReport):
                    taken_s[_module(report.nodeid)] += report.duration
        config.stash[DURATIONS].store(taken_s)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if FOLDER in config.stash:
        config.stash[FOLDER].close()


def _modules(items: list[pytest.Item]) -> Iterable[list[pytest.Item]]:
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    return modules.values()


def _module(nodeid: str) -> str:
    """The module's path below `tests/`."""
    return nodeid.partition("::")[0].removeprefix("tests/")
