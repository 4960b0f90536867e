"""The machine and software of a measurement, and how a benchmark starts."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import click

from harness.folders import ROOT
from harness.reporting.tables import Report

NEEDED = {"taskset": "util-linux", "node": "nodejs", "npm": "npm", "cc": "gcc libc6-dev"}
PACKAGES = ("flask", "eventlet", "flask-socketio", "sqlalchemy", "psycopg2-binary", "redis")
BLOCK = b"\0" * 8192
SYNCS = 200


def run(main: click.Command) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stop every server on exit
    main()


def demand(*programs: str) -> None:
    """Exit with a message if a program is not installed."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        packages = " ".join(NEEDED[name] for name in missing)
        raise click.ClickException(f"{', '.join(missing)} cannot be found: install with apt install {packages}.")


def two_cores() -> tuple[int, int]:
    """A core for the server under test, and one for its clients and databases."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise click.ClickException("the server and its clients need a core each.")
    return usable[0], usable[1]


def all_cores() -> str:
    """The cores that this process may use, in taskset's format."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def begin_report(name: str, *lines: str) -> Report:
    """Print the subject of the measurement, and the machine and software used. Call it while the machine is idle."""
    report = Report(name)
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    before = cpu_ticks()
    time.sleep(2)
    busy = f"{busy_percent_since(before):.0f} % busy with other work at the beginning"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    report.say(lines[0])
    report.say(f"{len(os.sched_getaffinity(0))} cores, {model}, Linux {platform.release()}, {busy}")
    report.say(f"commit {commit.strip()}, Python {platform.python_version()}, {versions}")
    for line in lines[1:]:
        report.say(line)
    report.say()
    return report


def node_version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20).stdout.strip()


def busy_percent_since(before: tuple[int, int]) -> float:
    """The load on all cores from any work since `cpu_ticks` returned `before`, in percent."""
    idle, total = cpu_ticks()
    return 100 * (1 - (idle - before[0]) / max(1, total - before[1]))


def cpu_ticks() -> tuple[int, int]:
    """Idle ticks (including waits for a disk) and all ticks, from the first line of /proc/stat."""
    _, *ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    _user, _nice, _system, idle, waiting, *_ = map(int, ticks)
    return idle + waiting, sum(map(int, ticks[:8]))


def fsync_ms(folder: Path) -> float:
    """Median time in ms to append two pages to a file and sync it, as a commit does."""
    path, taken = folder / "fsync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(BLOCK)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    path.unlink()
    return statistics.median(taken)
