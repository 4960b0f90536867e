"""Pytest hooks of a run: options, folder, order, and the summary."""

from __future__ import annotations

import gc
import os
import random
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.programs.ports import reserve_ports
from support.programs.run_folder import RunFolder
from support.runs import cpu
from support.runs.durations import SHARDS, TESTS, Durations
from support.runs.short_run import COLLECTED

FOLDER, DURATIONS = pytest.StashKey[RunFolder](), pytest.StashKey[Durations]()
CPU_S, PORTS = pytest.StashKey[list[float]](), pytest.StashKey[socket.socket]()

GARBAGE = 10_000
"""Number of new objects before Python collects cycles. Most tests finish before that."""

STARTERS = {"new_server", "module_servers"}
"""Every server test uses one of these fixtures, directly or indirectly."""

ELSEWHERE = {
    "koyjabo/static": "browser",
    "koyjabo/templates": "browser",
    "migrations": "base/database",
    "config.py": "base/settings",
    "wsgi.py": "server",
}
"""Files whose tests are in a folder with a different name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("koyjabo")
    group.addoption("--random-order", nargs="?", type=int, const=random.randrange(10**6), metavar="SEED",
                    help="shuffle the modules, and the tests in each")  # fmt: skip
    group.addoption("--alone", action="store_true", help="run tests of other modules between the tests of each module")
    group.addoption("--shard", default="", choices=["", *SHARDS], help="run only this part of the tests")
    group.addoption("--servers-of-changes", action="store_true", help="run only server tests near changed files")
    group.addoption(
        "--store-durations", action="store_true", help="write the modules' durations to tests/durations.json"
    )


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
    if shard := config.option.shard:
        in_shard = durations.shard(shard)
        items[:] = [item for item in items if _module(item.nodeid) in in_shard]
    if config.option.servers_of_changes:
        items[:] = servers_of_changes(items)
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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cpu_s"] = cpu.used_s()
    chosen = session.config.option.servers_of_changes or session.config.pluginmanager.hasplugin("TestmonSelect")
    if chosen and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK  # the change affects no test


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Record the CPU time of an xdist process that has ended. A killed process reports none."""
    node.config.stash[CPU_S].append(getattr(node, "workeroutput", {}).get("cpu_s", 0.0))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if workers_s := sum(config.stash[CPU_S]):
        cpu.report(terminalreporter, workers_s)
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


def servers_of_changes(items: list[pytest.Item]) -> list[pytest.Item]:
    """The server tests in the folders of files that differ from the last commit, since pytest-testmon does not see what
    other processes execute.
    """
    folders = {folder for file in _changed_files() for folder in [_folder_of(file)] if folder}
    return [item for item in items if STARTERS & set(_fixtures(item)) and folders & {*item.path.parents}]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def _changed_files() -> list[str]:
    """Changed files of the project, including untracked ones."""
    outputs = [
        subprocess.run(["git", *words], cwd=TESTS.parent, capture_output=True, text=True, check=True).stdout
        for words in (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    ]
    return "".join(outputs).splitlines()


def _folder_of(file: str) -> Path | None:
    """The nearest test folder that mirrors the file's folder, or None if it has no tests."""
    for start, folder in ELSEWHERE.items():
        if file.startswith(start):
            return TESTS / folder
    package = Path(file.removeprefix("koyjabo/")).parent
    if file.startswith("tests/support/") or (file.startswith("koyjabo/") and not package.name):
        return TESTS  # every test depends on it
    existing = [TESTS / folder for folder in (package, *package.parents) if folder.name and (TESTS / folder).is_dir()]
    return existing[0] if existing and file.startswith("koyjabo/") else None
