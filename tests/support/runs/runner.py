"""Run the tests in processes that are forked from one that has collected them.

A collection costs seconds of processor time and memory for all tests; a fork shares both. The parent hands out modules,
those that take longest first; it runs nothing itself, so it can fork again when a process has died.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest
from _pytest.reports import TestReport

from support.programs import forking
from support.programs.ports import use_ports_of
from support.programs.run_folder import RunFolder
from support.runs.cpu_budgets import CpuTimes, meter
from support.runs.fuzz_effort import TIMES
from support.runs.short_run import EVERYTHING

Module = list[pytest.Item]

SET_DEATH_SIGNAL = 1
LOOK_S = 1.0
BROWSERS = 3 if EVERYTHING else 2
"""So many processes run modules of `browser/`: each starts a browser, and a server for it."""

HUNG_S = 300 * max(TIMES, 1)
"""No test takes so long. Its process is killed, and the test has failed."""


class Process:
    """One that runs modules of tests, as its parent sees it."""

    def __init__(self, run: Run, number: int) -> None:
        self.number = number
        self.pipe, theirs = Pipe()
        self.module: Module = []
        self.done = 0
        self.since = time.monotonic()
        parent = os.getpid()
        # eventlet warns of forks; this process imports it and does not use it.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self.pid = os.fork()
        if self.pid == 0:
            self.pipe.close()
            run.in_child(parent, number, theirs)
        theirs.close()

    def give(self, module: Module, places: list[int]) -> None:
        """`places` are those of its tests among all that were collected. An empty module is the last one."""
        self.module, self.done, self.since = module, 0, time.monotonic()
        with suppress(BrokenPipeError):  # its end is noticed next
            self.pipe.send(places)

    @property
    def running(self) -> str:
        return self.module[min(self.done, len(self.module) - 1)].nodeid if self.module else "no test"


class Run:
    def __init__(self, session: pytest.Session, modules: list[Module], folder: RunFolder, spent: CpuTimes) -> None:
        self._session = session
        self._config = session.config
        self._waiting = deque(modules)
        self._places = {item.nodeid: place for place, item in enumerate(session.items)}
        self._folder = folder
        self._spent = spent
        self._processes: list[Process] = []

    def run(self, processes: int) -> None:
        capture = self._config.pluginmanager.getplugin("capturemanager")
        capture.suspend_global_capture(in_=True)  # each process captures on its own
        try:
            for number in range(min(processes, len(self._waiting))):
                self._begin(number)
            while self._processes:
                self._listen()
            if self._waiting and not (self._session.shouldfail or self._session.shouldstop):
                self._session.shouldfail = "modules were left over: all processes of the tests have ended"
        except KeyboardInterrupt:
            lines = [f"{process.number}: {process.running}" for process in self._processes]
            sys.stderr.write("\n".join(["", "running:", *lines, ""]))
            raise
        finally:
            self._end()
            self._spent.add_rest(sum(template.cpu_s() for template in forking.TEMPLATES.values()))
            capture.resume_global_capture()

    def _begin(self, number: int) -> None:
        process = Process(self, number)
        self._processes.append(process)
        self._give(process)

    def _give(self, process: Process) -> None:
        stops = self._session.shouldfail or self._session.shouldstop
        module = [] if stops else self._next(process)
        process.give(module, [self._places[item.nodeid] for item in module])

    def _next(self, process: Process) -> Module:
        """The first module that waits and is for this process. An empty one if there is none."""
        for module in self._waiting:
            if process.number < BROWSERS or not module_name(module[0]).startswith("browser/"):
                self._waiting.remove(module)
                return module
        return []

    def _listen(self) -> None:
        received = wait([process.pipe for process in self._processes], LOOK_S)
        for process in list(self._processes):
            if process.pipe in received:
                self._receive(process)
            elif process.module and time.monotonic() - process.since > HUNG_S:
                os.kill(process.pid, signal.SIGKILL)
                self._gone(process)

    def _receive(self, process: Process) -> None:
        try:
            what, *said = process.pipe.recv()
        except (EOFError, OSError):  # also in the middle of a report
            self._gone(process)
            return
        getattr(self, f"_on_{what}")(process, *said)

    def _on_report(self, process: Process, data: dict[str, Any]) -> None:
        hook = self._config.hook
        report = hook.pytest_report_from_serializable(config=self._config, data=data)
        process.since = time.monotonic()
        if report.when == "setup":
            hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
        hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            process.done += 1
            hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)

    def _on_warning(self, _: Process, said: str, file: str, line: int, when: str, nodeid: str) -> None:
        message = warnings.WarningMessage(UserWarning(said), UserWarning, file, line)
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": None}
        )

    def _on_module(self, process: Process, cpu_s: float, wall_s: float) -> None:
        self._spent.add(module_name(process.module[0]), cpu_s, wall_s)
        self._give(process)

    def _on_template(self, _: Process, kind: str) -> None:
        forking.TEMPLATES[kind].begin()

    def _gone(self, process: Process) -> None:
        """It has ended as it should, or died: then the test that it was running has failed, and its module goes on."""
        self._processes.remove(process)
        _, status = os.waitpid(process.pid, 0)
        left = process.module[process.done :]
        if left:
            self._fail(left[0], f"its process has ended: {_ending(status)}")
            self._waiting.extendleft([left[1:]] if left[1:] else [])
            self._begin(process.number)
        elif status:
            self._session.shouldfail = f"a process of the tests has ended: {_ending(status)}"

    def _fail(self, item: pytest.Item, why: str) -> None:
        report = TestReport(item.nodeid, item.location, {}, "failed", why, "call", duration=0)
        self._config.hook.pytest_runtest_logreport(report=report)

    def _end(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process.pid, signal.SIGKILL)
                os.waitpid(process.pid, 0)

    def in_child(self, parent: int, number: int, pipe: Connection) -> None:
        """Never returns. Nothing that the parent has begun is ended here."""
        status = 1
        try:
            _die_with(parent)
            self._folder.leave()
            for process in self._processes:
                process.pipe.close()
            _part_from_parent(self._config, number, pipe)
            for module in self._given(pipe):
                self._run_module(module, pipe)
            self._session._setupstate.teardown_exact(None)  # what is there for the whole session
            status = 0
        except BaseException:  # the process ends here, whatever it was
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)

    def _given(self, pipe: Connection) -> Iterator[Module]:
        while places := pipe.recv():
            yield [self._session.items[place] for place in places]

    def _run_module(self, module: Module, pipe: Connection) -> None:
        used_s = meter()
        began = time.monotonic()
        for index, item in enumerate(module):
            following = module[index + 1] if index + 1 < len(module) else self._session
            self._config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        pipe.send(("module", used_s(), time.monotonic() - began))


class ReportSender:
    """Tells the parent what a child's tests report."""

    def __init__(self, config: pytest.Config, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe
        self.is_ready = False  # it gets the warnings before its time, too

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._pipe.send(("report", data))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        if self.is_ready:
            said = f"{warning_message.category.__name__}: {warning_message.message}"
            self._pipe.send(("warning", said, warning_message.filename, warning_message.lineno, when, nodeid))


def _part_from_parent(config: pytest.Config, number: int, pipe: Connection) -> None:
    random.seed()
    use_ports_of(number)
    for template in forking.TEMPLATES.values():
        template.leave_to(lambda kind: pipe.send(("template", kind)))
    plugins = config.pluginmanager
    for name in ("terminalreporter", "lfplugin", "nfplugin"):
        if plugins.has_plugin(name):
            plugins.unregister(name=name)
    if changed := plugins.getplugin("TestmonCollect"):
        changed._running_as = "worker"  # the parent stores what reports say, of each test
        sys.modules["testmon.testmon_core"].TEST_BATCH_SIZE = 1  # type: ignore[attr-defined]
    teller = ReportSender(config, pipe)
    plugins.register(teller)
    teller.is_ready = True
    capture = plugins.getplugin("capturemanager")
    capture._global_capturing = None
    capture.start_global_capturing()
    folders = config._tmp_path_factory
    folders._basetemp = folders.getbasetemp() / f"process-{number}-{os.getpid()}"
    folders._basetemp.mkdir()


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def modules_of(items: list[pytest.Item]) -> list[Module]:
    found: dict[Path, Module] = {}
    for item in items:
        found.setdefault(item.path, []).append(item)
    return list(found.values())


def module_name(item: pytest.Item) -> str:
    """Its path below `tests/`."""
    return item.nodeid.partition("::")[0].removeprefix("tests/")
