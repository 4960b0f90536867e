"""A storm of visits over many open sockets: run once, watched by everybody."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from harness import machine, proc
from harness.crowds import Counts, Crowd, crowd
from harness.databases import STARTING_TOTAL, fresh, is_exact
from harness.deliveries import Deliveries, Visit, visit, without_gaps
from harness.processes import Server, serving
from harness.pushers import PLAIN_DOOR, SOCKET_IO_DOOR
from harness.redis_server import redis_server
from harness.steady import Answer, Steady
from harness.tables import progress
from harness.versions import THIS, Version

WORKERS = 2
REGISTERING_CONNECTIONS = 16
OK = 200
MOST_OF_A_LOG = 3000


@dataclass(frozen=True)
class Storm:
    """What happened. `cpu_percent` are shares of one core, by process; `open_files` are the workers', with all open."""

    answers: list[Answer]
    visits: list[Visit]
    deliveries: Deliveries
    counts: list[Counts]
    cpu_percent: dict[str, float]
    open_files: list[int]
    exact: bool


def run(folder: Path, version: Version, sockets: int, rate: int, seconds: int, on_postgres: bool) -> Storm:
    logs = [folder / "plain.log", folder / "socketio.log"]
    doors = (PLAIN_DOOR, SOCKET_IO_DOOR)
    with ExitStack() as stack:
        database = stack.enter_context(fresh(folder, on_postgres, is_empty=version != THIS))
        redis = stack.enter_context(redis_server(None))
        env = {**database.env, "REDIS_URL": redis.url, "WEB_CONCURRENCY": str(WORKERS)}
        server = stack.enter_context(
            serving(version.server, env, machine.all_cores(), folder / "server.log", version.folder)
        )
        with ExitStack() as gathering:
            crowds = [
                gathering.enter_context(crowd(server.port, door, sockets // 2, None, log))
                for door, log in zip(doors, logs, strict=True)
            ]
            open_files = [proc.open_files(worker) for worker in server.workers]
            answers, cpu_percent = _rage(server, redis.pid, crowds, rate, seconds)
            counts = [gathered.counts() for gathered in crowds]
        acknowledged = sum(answer.status == OK for answer in answers)
        exact = version != THIS or is_exact(database, acknowledged)  # the tables of another version may be others
    progress(1, 1, "reading what the sockets were sent")
    _show((folder / "server.log").read_text(errors="replace"))
    visits = sorted((visit(one) for one in answers if one.status == OK), key=lambda one: one.ordinal)
    found = _deliveries(logs, sockets // 2, visits)
    return Storm(answers, visits, found, counts, cpu_percent, open_files, exact)


def _rage(
    server: Server, redis: int, crowds: list[Crowd], rate: int, seconds: int
) -> tuple[list[Answer], dict[str, float]]:
    """The storm itself, until the last update has come; and the CPU that everybody had meanwhile."""
    for gathered in crowds:
        gathered.settle()
    progress(1, 1, f"{sum(gathered.size for gathered in crowds)} sockets are open; {seconds} s of visits begin")
    steady = Steady(server.port, "register", rate, seconds, REGISTERING_CONNECTIONS)
    roots = {"workers": server.pid, "Redis": redis, "registering client": steady.pid}
    roots |= {f"reading client {at + 1}": gathered.pid for at, gathered in enumerate(crowds)}
    before, ticks = {name: proc.cpu_us(root) for name, root in roots.items()}, machine.cpu_ticks()
    time.sleep(seconds)  # the last visits are still to be registered then, so that everybody is there to be asked
    percent = {name: (proc.cpu_us(root) - before[name]) / seconds / 1e4 for name, root in roots.items()}
    busy = machine.busy_percent_since(ticks) * machine.cores()
    answers = steady.answers()
    for gathered in crowds:
        gathered.settle()
    return answers, {**percent, "everybody else": max(0.0, busy - sum(percent.values()))}


def _show(said: str) -> None:
    """The end of what the server had to say, on standard error: in a good run that is nothing."""
    if said.count("\n") > 1:  # the first line says where it serves
        click.echo(f"The server said:\n{said[-MOST_OF_A_LOG:]}", err=True)


def _deliveries(logs: list[Path], clients: int, visits: list[Visit]) -> Deliveries:
    found = Deliveries(STARTING_TOTAL)
    if visits and without_gaps(visits, STARTING_TOTAL + 1):
        for log in logs:
            found.read(log, clients, visits)
    return found
