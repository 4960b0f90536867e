"""Measures visits during a backup of a million visits: how long the backup takes, and how much slower visits
become.

The server, the backup process, the clients and PostgreSQL may use all cores. Measurement windows last a few seconds,
and the backup process is suspended in every other one. Prints tables and the ratio with its target; the same text goes
to bench/results/backup.txt.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
from harness.clients.steady_requests import OK, Steady, percentile
from harness.folders import scratch
from harness.reporting import machine
from harness.reporting.tables import Report, Target, progress, say_targets
from harness.servers import process_figures as proc
from harness.servers.databases import POSTGRES, SQLITE, server_for, settings_on
from harness.servers.ledgers import filled, wait_until_read
from harness.servers.server import Server
from harness.servers.versions import THIS
from support.databases.database import Database
from support.programs.processes import wait_until

WINDOW_S, RATE = 5.0, 200
MOST = 1.1
TAIL, MIDDLE = 99, 50
PROGRAM = b"koyjabo\0backup"
PATIENCE_S = 120.0
"""The server reads the folder, and checks whether a backup is due, every 30 s."""


@dataclass
class Seen:
    """Measurements of all rounds."""

    alone_ms: list[float] = field(default_factory=list)
    beside_ms: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    longest_log: int = 0  # bytes of SQLite's write-ahead log


@click.command(help=__doc__)
@click.option("--visits", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="backups of each database")
def main(visits: int, rounds: int) -> None:
    machine.demand("taskset")
    report = machine.begin_report(
        "backup", f"{visits:,} visits, {RATE} more a second, {rounds} backups, windows of {WINDOW_S:.0f} s"
    )
    targets = []
    for where in (SQLITE, POSTGRES):
        with scratch() as folder, server_for(where) as server:
            database = filled("backup", visits, server, is_kept=server is None)
            (folder / "backups").mkdir()
            settings = {**settings_on(database), "BACKUP_DIR": str(folder / "backups")}
            with Server(THIS.server, settings, machine.all_cores(), folder) as running:
                wait_until_read(running, database)
                seen = in_turn(running, database, folder / "backups", rounds)
        targets.append(say(report, where, seen))
    say_targets(report, targets)
    if visits == 1_000_000:
        report.save()


def in_turn(server: Server, database: Database, folder: Path, rounds: int) -> Seen:
    seen = Seen()
    window(server)  # warm up
    for number in range(rounds):
        progress(number, rounds, "a backup")
        back_up(server, database, folder, seen)
    return seen


def back_up(server: Server, database: Database, folder: Path, seen: Seen) -> None:
    """Make one backup, measuring in alternating windows. The backup process is suspended in every other window."""
    pid, took_s = begin(server, database, folder), 0.0
    while process_of_backup(server):
        began, times = time.monotonic(), window(server)
        took_s += time.monotonic() - began
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            seen.cpu_s.append(proc.cpu_us(pid) / 1e6)
            seen.beside_ms += times
            seen.alone_ms += window(server)
            os.kill(pid, signal.SIGCONT)
    seen.took_s.append(took_s)
    if not [*folder.glob("*.backup")]:
        raise click.ClickException("the backup failed")
    seen.longest_log = max(seen.longest_log, log_of(database))


def begin(server: Server, database: Database, folder: Path) -> int:
    """Make the server notice that the day's backup is missing. Returns the id of the backup process. It is a child of
    the worker, and Linux applies its priority only within its session.
    """
    for file in folder.glob("*.backup"):
        file.unlink()
    database.rows("DELETE FROM nightly_work WHERE name = 'backups'")
    database.rows("INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES ('backups', '', '', 0, 0)")
    return wait_until(lambda: process_of_backup(server), "the server begins a backup", PATIENCE_S)


def process_of_backup(server: Server) -> int | None:
    for pid in proc.tree(server.pid):
        with suppress(OSError):
            if PROGRAM in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def window(server: Server) -> list[float]:
    answers = Steady(server.port, "register", RATE, WINDOW_S).answers()
    if any(answer.status != OK for answer in answers):
        raise click.ClickException("a visit was refused")
    return [answer.took_ms for answer in answers]


def log_of(database: Database) -> int:
    log = Path(f"{database.path}-wal") if database.kind == "sqlite" else None
    return log.stat().st_size if log and log.exists() else 0


def say(report: Report, where: str, seen: Seen) -> Target:
    report.say(f"{where}: a backup took {max(seen.took_s):.0f} s at most, with {max(seen.cpu_s):.0f} s of a core")
    if seen.longest_log:
        report.say(f"The write-ahead log had {seen.longest_log / 1e6:.0f} MB at most")
    rows = [("without a backup", seen.alone_ms), ("beside one", seen.beside_ms)]
    table = [
        [name, f"{len(times):,}", *(f"{percentile(times, percent):.2f}" for percent in (MIDDLE, TAIL))]
        for name, times in rows
    ]
    report.table(("", "visits", "p50 ms", "p99 ms"), table)
    ratio = percentile(seen.beside_ms, TAIL) / percentile(seen.alone_ms, TAIL)
    return Target(f"{where}, p99 of visits beside a backup, to without one", ratio, most=MOST)


if __name__ == "__main__":
    machine.run(main)
