"""Where the processor time of a run goes: seconds by folder, beside the budget of each."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.programs import forking
from support.programs.processes import child_pids

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LOOP, REFERENCE_S = compile("rounds = 0\nwhile rounds < 1_000_000: rounds += 1", "loop", "exec"), 0.0625
"""What a module takes to count to a million on the machine for which the budgets are."""

BUDGET_S = {
    "browser": 79, "server": 52, "reports": 50, "webkit": 31, "accounts": 36, "communities": 33, "maintenance": 34,
    "counting": 20, "database": 15, "realtime": 18, "cli": 17, "visit_log": 13, "mail": 13, "panel": 11, "tests": 20,
    "presence": 10, "application": 10, "bridges": 4, "tools": 8, "observability": 8, "webhooks": 6, "api_keys": 7,
    "trusted_tokens": 4, "sockets": 5, "personal_data": 5, "alerts": 4, "importers": 10, "cluster": 2, "network": 3,
    "outbound": 2, "badges": 2, "audit": 2, "jwks": 1, "home": 2, "settings": 1, "core": 1, "clients": 0,
    "receipts": 2, "getting_started": 4, "install": 3, "jobs": 1,
    "(PostgreSQL)": 26, "(collection)": 11, "(templates of programs)": 4,
}  # fmt: skip
"""Of `make test`, by folder. A capability that outgrows its share has tests that belong to `make test-all`."""

WHOLE_S = 600


class CpuTimes:
    """Seconds of this machine."""

    def __init__(self) -> None:
        self.cpu_s: Counter[str] = Counter()
        self.wall_s: Counter[str] = Counter()

    def add(self, module: str, cpu_s: float, wall_s: float) -> None:
        """`module` is a path below `tests/`."""
        self.cpu_s[_folder(module)] += cpu_s
        self.wall_s[module] += wall_s

    def add_rest(self, templates_s: float) -> None:
        """What belongs to no folder: the parent of all, and what its tests share."""
        self.cpu_s["(collection)"] += time.process_time()
        self.cpu_s["(templates of programs)"] += templates_s
        with suppress(OSError):
            postmaster = (Path(tempfile.gettempdir()) / "postgres" / "postmaster.pid").read_text().split()[0]
            self.cpu_s["(PostgreSQL)"] += tree_s(int(postmaster))

    def report(self, terminal: pytest.TerminalReporter) -> None:
        """What each folder took, the dearest first, beside its budget for the quick run."""
        if not self.cpu_s:
            return
        is_quick, machine = bool(terminal.config.option.markexpr), speed()
        terminal.write_line(f"CPU by folder, in s of a machine whose speed is {1 / machine:.2f} times that of this one")
        for folder, cpu_s in [*self.cpu_s.most_common(), ("all", self.cpu_s.total())]:
            budget_s = {**BUDGET_S, "all": WHOLE_S}.get(folder, 0) if is_quick else 0
            _write(terminal, folder, cpu_s * machine, budget_s)


def meter() -> Callable[[], float]:
    """Begin to measure this process, all that it starts, and what is forked from templates for it. Returns seconds."""
    began, forked = _own_s(), len(forking.Forked.all)

    def used_s() -> float:
        seconds = _own_s() - began + sum(each.cpu_s() for each in forking.Forked.all[forked:])
        forking.forget_ended()
        return seconds

    return used_s


def tree_s(pid: int) -> float:
    """Of a process and its children, whether these have ended or not."""
    with suppress(OSError):
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, numbers[11:15])) / TICKS_PER_S + sum(map(tree_s, child_pids(pid)))
    return 0.0


def _own_s() -> float:
    """Of this process, of its children that have ended, and of those that live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(tree_s, child_pids(os.getpid())))


def _folder(module: str) -> str:
    return module.rpartition("/")[0].partition("/")[0] or "tests"


def speed() -> float:
    """How many times as fast this machine is as the one of the budgets: the best of three loops."""
    return REFERENCE_S / min(_loop_s() for _ in range(3))


def _loop_s() -> float:
    began = time.process_time()
    exec(LOOP, {})
    return time.process_time() - began


def _write(terminal: pytest.TerminalReporter, folder: str, cpu_s: float, budget_s: float) -> None:
    budget = f"of {budget_s:3.0f}" if budget_s else ""
    terminal.write_line(f"{cpu_s:8.1f} {budget:6} {folder}", red=bool(budget_s) and cpu_s > budget_s)
