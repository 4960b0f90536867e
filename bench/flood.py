"""Measures how long others wait while one address sends as many frames as its WebSockets may.

Floods of `ping` from 300 and from 1,000 sockets, and of `visible` from 300, while 20 visitors of other addresses are on
a page for six seconds. Then 2,000 pages of one address (a campus, or a mobile carrier) are hidden and shown. Prints a
table and the figures with their targets; the same text goes to bench/results/flood.txt.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from harness.clients.websocket_clients import allow_files
from harness.folders import scratch
from harness.reporting import machine
from harness.reporting.tables import Target, in_turn, say_targets
from harness.servers import versions
from harness.servers.databases import SETTINGS, fresh
from harness.servers.process_figures import cpu_us
from harness.servers.server import Server
from harness.servers.versions import THIS, Version
from support.clients.websocket import PONG, WebSocket, close, frame, say
from support.databases.database import Database
from support.programs.processes import NO_LIMITS

FRAMES = 495
"""How many frames each socket sends at once, and again after each ping. It may send 500 between two pings."""

VISITORS, STAY_S, SETTLE_S = 20, 6, 12
"""Visitors, how long they stay, and the time until their attended time must be stored, s."""

MAX_CPU_S = 0.2
"""How much CPU the worker may use while a request of another address waits, s."""

HEARTBEAT = say(type="ping")
ACTED = say(type="visible", visible=True, acted=True, visitId="unknown")
HIDDEN, SHOWN = say(type="visible", visible=False), say(type="visible", visible=True)


@dataclass(frozen=True)
class Scenario:
    name: str
    sockets: int
    frames: bytes  # what each socket sends at once
    is_flood: bool = True


SCENARIOS = (
    Scenario("300 sockets, ping", 300, HEARTBEAT * FRAMES),
    Scenario("1,000 sockets, ping", 1000, HEARTBEAT * FRAMES),
    Scenario("300 sockets, visible", 300, ACTED * FRAMES),
    # A further page of this address measures its delay.
    Scenario("2,000 pages that are hidden and shown", 1999, HIDDEN + SHOWN + HEARTBEAT, is_flood=False),
)


@dataclass(frozen=True)
class Result:
    """What others noticed. `cpu_s` is the most CPU that the worker used while one of their requests waited."""

    cpu_s: float
    visit_ms: tuple[float, float]  # median, maximum
    failed: int
    lost: int  # visitors without their attended time
    closed: int
    pong_ms: float  # median delay of a page at the address, for pages that are hidden and shown


class Others(threading.Thread):
    """Sends requests from other addresses, one at a time."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.cpu_s: list[float] = []
        self.visit_ms: list[float] = []
        self.failed = 0
        self._server, self._stopped = server, threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.02):
            number = len(self.visit_ms)
            before, began = cpu_us(self._server.pid), time.perf_counter()
            self.failed += not registers(self._server, f"other_{number}", f"198.18.{number // 250}.{number % 250}")
            self.visit_ms.append((time.perf_counter() - began) * 1000)
            self.cpu_s.append((cpu_us(self._server.pid) - before) / 1e6)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


class Crowd(threading.Thread):
    """Sends each socket's frames, and again after each ping of the server, which allows them."""

    def __init__(self, port: int, scenario: Scenario) -> None:
        super().__init__(daemon=True)
        self.closed, self.is_over = 0, False
        self._frames, self._selector = scenario.frames, selectors.DefaultSelector()
        for number in range(scenario.sockets):
            path = f"/?visitorId={crowd_visitor(number)}"
            client = WebSocket(port, "X-Forwarded-For: 100.64.0.1", path=path)._socket
            client.setblocking(False)
            self._selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE, bytearray(self._frames))

    def run(self) -> None:
        while not self.is_over:
            for key, events in self._selector.select(0.1):
                try:
                    self._serve(key, events)
                except OSError:
                    self._selector.unregister(key.fileobj)
                    self.closed += 1
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()

    def _serve(self, key: selectors.SelectorKey, events: int) -> None:
        client, unsent = key.fileobj, key.data
        if events & selectors.EVENT_READ:
            data = client.recv(1 << 18)
            if not data:
                raise ConnectionError
            if b"\x89\x00" in data:
                unsent += frame("", PONG) + self._frames
        if events & selectors.EVENT_WRITE:
            del unsent[: client.send(unsent)]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
        if events != key.events:
            self._selector.modify(client, events, unsent)


@click.command(help=__doc__)
@click.option("--seconds", default=30, show_default=True, help="duration of each flood")
@click.option("--quick", is_flag=True, help="one flood of a few seconds, only to see that it works; not stored")
@versions.option
def main(seconds: int, quick: bool, before: Version | None) -> None:
    machine.demand("taskset")
    allow_files(max(scenario.sockets for scenario in SCENARIOS))
    cores = machine.two_cores()
    report = machine.begin_report(
        "flood", f"One address sends as many frames as it may for {seconds} s, one worker, SQLite"
    )
    candidates, scenarios = ((before, THIS) if before else (THIS,)), SCENARIOS[:1] if quick else SCENARIOS
    rows, targets = [], []
    for scenario in scenarios:
        for version in in_turn(candidates, 1, f", {scenario.name}"):
            with scratch() as folder, fresh(folder) as database:
                result = run(folder, version, database, cores, scenario, 10 if quick else seconds)
            rows.append(row(scenario, version, result))
            targets += targets_of(scenario, result) if version is THIS else []
    report.table(("scenario", "CPU, s", "visit, ms", "longest, ms", "failed", "lost", "closed", "pong, ms"), rows)
    say_targets(report, targets)
    if not quick:
        report.save()


def run(
    folder: Path, version: Version, database: Database, cores: Sequence[int], scenario: Scenario, seconds: int
) -> Result:
    settings = {name: value for name, value in SETTINGS.items() if name not in NO_LIMITS}
    settings |= {"DATABASE_URL": database.url, "TRUSTED_PROXIES": "1"}
    with ExitStack() as stack:
        server = stack.enter_context(Server(version.server, settings, cores[0], folder, version.folder))
        visitors = [Visitor(server, number) for number in range(VISITORS)]
        for visitor in sorted({crowd_visitor(number) for number in range(scenario.sockets)}):
            registers(server, visitor, "100.64.0.1")
        crowd, others = Crowd(server.port, scenario), Others(server)
        others.start()
        crowd.start()
        pongs = [] if scenario.is_flood else neighbours_delays(server, seconds)
        time.sleep(STAY_S if scenario.is_flood else 0)
        for visitor in visitors:
            visitor.leave()
        time.sleep(max(0, seconds - STAY_S) if scenario.is_flood else 0)
        crowd.is_over = True
        others.stop()
        crowd.join()
        time.sleep(SETTLE_S)
        attended = dict(database.rows("SELECT visitor_id, attended_ms FROM visits WHERE visitor_id LIKE 'stays%'"))
    lost = sum((attended.get(f"stays_{number}") or 0) < 1000 * (STAY_S - 1) for number in range(VISITORS))
    times = (median(others.visit_ms), max(others.visit_ms))
    pong_ms = median(pongs) if pongs else 0.0
    return Result(max(others.cpu_s), times, others.failed, lost, crowd.closed, pong_ms)


def crowd_visitor(number: int) -> str:
    """The visitor of the crowd's socket with this number. A visitor may have 50 sockets."""
    return f"crowd_{number // 40}"


class Visitor:
    """Is on a page, from an address without others."""

    def __init__(self, server: Server, number: int) -> None:
        address = f"198.19.0.{number + 1}"
        assert registers(server, f"stays_{number}", address)
        self._socket = WebSocket(server.port, f"X-Forwarded-For: {address}", path=f"/?visitorId=stays_{number}")

    def leave(self) -> None:
        self._socket.send(close())
        self._socket.end()


def neighbours_delays(server: Server, seconds: int) -> list[float]:
    """The delays of a page at the crowd's address between its ping and the server's pong, ms."""
    delays, end = [], time.monotonic() + seconds
    with WebSocket(server.port, "X-Forwarded-For: 100.64.0.1") as page:
        while time.monotonic() < end:
            began = time.perf_counter()
            page.is_answered()
            delays.append((time.perf_counter() - began) * 1000)
            time.sleep(0.1)
    return delays


def registers(server: Server, visitor: str, address: str) -> bool:
    """Register a visit. Returns whether it was counted."""
    body, headers = {"visitorId": visitor, "visitId": "1"}, {"X-Forwarded-For": address}
    try:
        return server.post("/api/visitor/register", body, headers, timeout_s=60)[0] == 200
    except OSError:
        return False


def row(scenario: Scenario, version: Version, result: Result) -> list[str]:
    figures = [f"{result.cpu_s:.2f}", *(f"{ms:.0f}" for ms in result.visit_ms)]
    counts = [str(result.failed), f"{result.lost} of {VISITORS}", str(result.closed)]
    return [f"{scenario.name}, {version.name}", *figures, *counts, f"{result.pong_ms:.1f}" if result.pong_ms else ""]


def targets_of(scenario: Scenario, result: Result) -> list[Target]:
    return [
        Target(f"{scenario.name}: CPU while a visit waits", result.cpu_s, most=MAX_CPU_S, unit="s"),
        Target(f"{scenario.name}: visits that failed", result.failed, most=0, unit=""),
        Target(f"{scenario.name}: visitors without attended time", result.lost, most=0, unit=""),
        Target(f"{scenario.name}: sockets of the address closed", result.closed, most=0, unit=""),
    ]


if __name__ == "__main__":
    machine.run(main)
