"""How a run of the tests goes: its options, its folder, its order, its processes, and what it says at its end."""

from __future__ import annotations

import gc
import os
import random

import pytest

from support.application.site import load_once
from support.programs.run_folder import RunFolder
from support.runs.changed_tests import servers_of_changes
from support.runs.cpu_budgets import CpuTimes
from support.runs.durations import SHARDS, Durations
from support.runs.runner import Run, module_name, modules_of
from support.runs.short_run import COLLECTED

FOLDER, SPENT, DURATIONS = pytest.StashKey[RunFolder](), pytest.StashKey[CpuTimes](), pytest.StashKey[Durations]()

GARBAGE = 10_000
"""New objects before Python looks for cycles among them: tests end before there are many."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("koyjabo")
    group._addoption("-n", "--processes", type=int, default=6, help="how many run tests; 0: this one, for a debugger")
    group.addoption("--random-order", nargs="?", type=int, const=random.randrange(10**6), metavar="SEED",
                    help="modules, and the tests in each, in an order of their own")  # fmt: skip
    group.addoption("--shard", default="", choices=["", *SHARDS], help="a part of the tests")
    group.addoption("--servers-of-changes", action="store_true", help="the tests of servers near what has changed")
    group.addoption("--store-durations", action="store_true", help="write what modules took to tests/durations.json")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOLDER] = RunFolder()
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(config.stash[FOLDER].path)
    config.stash[SPENT] = CpuTimes()
    config.stash[DURATIONS] = Durations("quick" if config.option.markexpr else "full")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the seed, which a run that is killed would not print at its end."""
    if (seed := session.config.option.random_order) is not None:
        session.config.get_terminal_writer().line(f"random order: SEED={seed}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what there is before some are left out, and order the rest."""
    config.stash[COLLECTED] = list(items)
    durations = config.stash[DURATIONS]
    if shard := config.option.shard:
        wanted = durations.shard(shard)
        items[:] = [item for item in items if module_name(item) in wanted]
    if config.option.servers_of_changes:
        items[:] = servers_of_changes(items)
    modules = sorted(modules_of(items), key=lambda module: -durations.of(module_name(module[0])))
    if (seed := config.option.random_order) is not None:
        order = random.Random(seed)
        order.shuffle(modules)
        for module in modules:
            order.shuffle(module)
    items[:] = [item for module in modules for item in module]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    processes = session.config.option.processes
    if not processes or session.testsfailed or session.config.option.collectonly:
        return None
    modules = modules_of(session.items)
    if len(modules) > processes:
        load_once()
    gc.collect()
    gc.freeze()  # thousands of tests are there to stay: processes share them as long as nothing counts them
    stash = session.config.stash
    gc.set_threshold(GARBAGE)
    Run(session, modules, stash[FOLDER], stash[SPENT]).run(processes)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    chosen = session.config.option.servers_of_changes or session.config.pluginmanager.hasplugin("TestmonSelect")
    if chosen and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK  # the change touches none


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    spent = config.stash[SPENT]
    spent.report(terminalreporter)
    if (seed := config.option.random_order) is not None:
        terminalreporter.write_line(f"in a random order; to repeat it: --random-order {seed}")
    if config.option.store_durations:
        config.stash[DURATIONS].store(spent.wall_s)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[FOLDER].close()
