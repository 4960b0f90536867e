"""What the figures were taken with and on."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import click

NEEDED = {
    "taskset": "util-linux",
    "node": "nodejs",
    "npm": "npm",
    "cc": "gcc libc6-dev",
}
BLOCK = b"\0" * 8192
SYNCS = 200


def demand(*programs: str) -> None:
    """Stop with a sentence when a program is not installed."""
    missing = [name for name in programs if not has(name)]
    if missing:
        packages = " ".join(NEEDED[name] for name in missing)
        raise click.ClickException(f"{', '.join(missing)} cannot be found: install with apt install {packages}.")


def has(program: str) -> bool:
    return shutil.which(program) is not None


def demand_cores(*cores: int | None) -> None:
    """Stop with a sentence when this process may not use one of the cores."""
    usable = os.sched_getaffinity(0)
    missing = {core for core in cores if core is not None} - usable
    if missing:
        raise click.ClickException(f"core {min(missing)} cannot be used; there are {sorted(usable)}.")


def cores() -> int:
    return os.cpu_count() or 1


def all_cores() -> str:
    """Those that this process may use, as taskset takes them."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


def versions() -> dict[str, str]:
    import sqlite3

    return {
        "Python": platform.python_version(),
        "Flask": version("flask"),
        "eventlet": version("eventlet"),
        "SQLAlchemy": version("sqlalchemy"),
        "SQLite": sqlite3.sqlite_version,
    }


def node_version() -> str:
    return _said("node", "--version").strip().removeprefix("v")


def package_versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    """Of several packages in the environment of `python`."""
    ask = "import importlib.metadata as m, json, sys; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    return json.loads(_said(python, "-c", ask, *packages))


def described() -> str:
    """Processor, cores and system, in a line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{len(os.sched_getaffinity(0))} cores, {model}, Linux {platform.release()}"


def described_now() -> str:
    """The same, and how busy it is. Takes as long as `busy_percent`."""
    return f"{described()}, {busy_percent():.0f} % busy with other work at the beginning"


def listed(versions: Mapping[str, str]) -> str:
    """Names and their versions, in a line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def busy_percent(seconds: float = 2.0) -> float:
    """How busy all cores are with other people's work: ask while nothing of ours runs."""
    before = cpu_ticks()
    time.sleep(seconds)
    return busy_percent_since(before)


def busy_percent_since(before: tuple[int, int]) -> float:
    """How busy all cores were, with anybody's work, since `cpu_ticks` gave `before`."""
    idle, total = cpu_ticks()
    return 100 * (1 - (idle - before[0]) / max(1, total - before[1]))


def cpu_ticks() -> tuple[int, int]:
    """Idle (and waiting for a disk), and all: from the first line of /proc/stat."""
    _, *ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    _user, _nice, _system, idle, waiting, *_ = map(int, ticks)
    return idle + waiting, sum(map(int, ticks[:8]))


def fsync_ms(folder: Path) -> float:
    """Median time to append two pages to a file and have them on disk, as a commit does, ms."""
    path = folder / "fsync"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        return statistics.median(_one_sync_ms(file, at) for at in range(SYNCS))
    finally:
        os.close(file)
        path.unlink()


def _one_sync_ms(file: int, at: int) -> float:
    began = time.perf_counter()
    os.pwrite(file, BLOCK, at * len(BLOCK))
    os.fdatasync(file)
    return (time.perf_counter() - began) * 1000


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
