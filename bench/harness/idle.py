"""What a single registration on an idle server costs over Flask's constant answer, beside what a sync to disk takes."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness import load
from harness.contenders import POSTGRES, Contender
from harness.databases import Database
from harness.runs import Place
from harness.tables import Report, Target

SECONDS = 2
SYNC = re.compile(r"\bf(?:data)?sync\(\d")
MARGIN_MS = 0.5


def compare(
    place: Place, report: Report, latency_ms: dict[Contender, float], constant_ms: float, fsync_ms: float
) -> list[Target]:
    """`latency_ms` and `constant_ms` are medians at one connection."""
    targets, rows = [], []
    for contender, latency in latency_ms.items():
        extra, syncs = latency - constant_ms, _syncs_per_registration(contender, place)
        counted = "not counted" if syncs is None else f"{syncs:.2f}"
        rows.append([contender.name, f"{latency:.2f}", f"{extra:.2f}", counted])
        what = f"{contender.name}, alone: over Flask's constant"
        targets.append(Target(what, extra, most=fsync_ms + MARGIN_MS, unit="ms"))
    report.say(
        f"Alone on an idle server: Flask's constant answer takes {constant_ms:.2f} ms (p50, one connection); "
        f"the disk syncs in {fsync_ms:.2f} ms (the better of two readings)."
    )
    report.table(("", "p50 ms", "over the constant ms", "syncs a registration"), rows)
    return targets


def _syncs_per_registration(contender: Contender, place: Place) -> float | None:
    count = _postgres_syncs if contender.backend == POSTGRES else _traced_syncs
    with place.database(contender.backend) as database:
        return count(contender, place, database)


def _postgres_syncs(contender: Contender, place: Place, database: Database) -> float:
    """From PostgreSQL's own statistics, which a session is sure to have written when it has ended."""
    before = place.database_server.syncs()
    with place.serving(contender, database) as server:
        seen = load.register(server.port, 1, SECONDS, place.load_core).result()
    return (place.database_server.syncs() - before) / max(1, seen.requests)


def _traced_syncs(contender: Contender, place: Place, database: Database) -> float | None:
    """From strace; None where it is missing or not allowed."""
    if shutil.which("strace") is None:
        return None
    trace = place.folder / "syncs.txt"
    with place.serving(contender, database) as server:
        load.register(server.port, 1, 1, place.load_core).result()
        strace = _strace(server.worker, trace)
        try:
            time.sleep(0.5)
            allowed = strace.poll() is None
            seen = load.register(server.port, 1, SECONDS, place.load_core).result()
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait(10)
    return len(SYNC.findall(trace.read_text())) / max(1, seen.requests) if allowed else None


def _strace(pid: int, trace: Path) -> subprocess.Popen[bytes]:
    options = ["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace), "-p", str(pid)]
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(["strace", *options], **quiet)
