"""A server with a database, Redis, mail server, name, file or clock that fails at one of three moments."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
import requests
from support.faults.moved_clocks import SLACK_MS
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import START_S, Server

from matrix.behind import BEHIND, MOMENTS, START
from matrix.behind_faults import Behind, BySentinel, OnPostgres, OnRedis, OnSmtp
from matrix.behind_files import MovedClock, OnDisk, WithCities
from matrix.part_faults import REDIS_PARTS, RIGHTS, ROWS, PartOfBackups, PartOfPostgres, PartOfRedis
from matrix.parts import PARTS
from matrix.quiet import REST_S, assert_quiet, cores
from matrix.table import Cell

SERVICES = (OnPostgres, OnPostgres, OnPostgres, OnRedis, BySentinel, OnSmtp, OnSmtp)
KINDS = (*SERVICES, OnDisk, OnPostgres, OnRedis, OnSmtp, WithCities, MovedClock)
KIND_OF = dict(zip(BEHIND.surfaces, KINDS, strict=True))
"""Classes by surface, in the order of the table."""

PART_OF = {
    **dict.fromkeys((*RIGHTS, *ROWS), PartOfPostgres),
    **dict.fromkeys(REDIS_PARTS, PartOfRedis),
    "folder of backups": PartOfBackups,
}

RECOVERY_S = 30
"""How soon after the end of a cause visits count again."""

LEAVES_WITHIN_S = 10 + SLACK_MS / 1000  # the promise, and time on a busy machine


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("cell", BEHIND.parameters())
def test_a_failure_behind_the_server_has_the_outcome_of_its_cell(cell, tmp_path, postgres, new_server):
    play(cell, KIND_OF[cell.surface], tmp_path, postgres, new_server)


@pytest.mark.parametrize("cell", PARTS.parameters())
def test_a_part_that_is_refused_has_the_outcome_of_its_cell(cell, tmp_path, postgres, new_server):
    play(cell, PART_OF[cell.surface], tmp_path, postgres, new_server)


def play(cell: Cell, kind: type[Behind], tmp_path, postgres, new_server) -> None:
    moment = cell.place or cell.distortion
    with ExitStack() as stack:
        behind = kind(cell, tmp_path, stack, postgres)
        server = new_server(behind.database, **behind.settings)
        server.program = behind.program
        if cell.surface in ("clock", "disk") or moment != START:  # what a server remembers is compared
            server.start()
            behind.use(server)
            behind.remember()
            server.register("ayesha", "before")
        else:
            behind.database.begin()
            behind.remember()
        (at_the_start, while_serving, while_stopping)[MOMENTS.index(moment)](cell, behind, server)
        wait_until(lambda: server.post_visit("karim", "after").ok, "visits count again", RECOVERY_S)
        behind.assert_recovered(server)
        assert_whole(server)
        assert "Traceback" not in server.log
        assert "worker_died" not in server.log


def at_the_start(cell: Cell, behind: Behind, server: Server) -> None:
    if server.running:
        server.stop()
    behind.distort()
    server.launch()
    if cell.outcome == "refused":
        assert server.wait(START_S).status == 2
        assert cell.says in server.log
        assert "Traceback" not in server.log
        behind.mend()
        server.start()
    elif cell.outcome == "waits":
        wait_until(lambda: "database_unreachable" in server.log, "it says what it waits for", START_S)
        assert server.running
        behind.mend()
        server.wait_until_serving()
    else:
        server.wait_until_serving()
        assert_counts(cell, behind, server)
        behind.mend()


def while_serving(cell: Cell, behind: Behind, server: Server) -> None:
    rest = cores(server, REST_S)
    behind.distort()
    if cell.outcome == "waits":
        wait_until(lambda: not (answer := server.post_visit("karim")).ok and is_refused(answer), "visits are refused")
        assert server.get("/healthz").ok
    else:
        assert_counts(cell, behind, server)
    behind.age()
    assert_quiet(cell, server, rest)
    behind.mend()


def while_stopping(cell: Cell, behind: Behind, server: Server) -> None:
    """A visit that is sent before the stop is either acknowledged or refused. After the next start it counts once."""
    behind.distort()
    if cell.outcome == "goes without":
        assert_counts(cell, behind, server)
    with ThreadPoolExecutor(1) as clients:
        sent = clients.submit(post_last, server)
        wait_until(lambda: sent.running() or sent.done(), "it is on its way")
        status, seconds = server.stop(signal.SIGTERM)
        assert (status, seconds < LEAVES_WITHIN_S) == (0, True), seconds
        answer = sent.result()
    behind.mend()
    server.start()
    receipt = server.register("karim", "last")
    if answer is not None and answer.ok:
        assert answer.json()["visit"]["ordinal"] == receipt.ordinal
    else:
        assert answer is None or is_refused(answer)


def assert_counts(cell: Cell, behind: Behind, server: Server) -> None:
    """Visits count, and what is missing is said."""
    before = server.register("ayesha").ordinal
    behind.use(server)
    if cell.outcome == "goes without":
        wait_until(lambda: cell.says in server.log, f"the log has {cell.says}")
    assert server.register("ayesha").ordinal > before


def is_refused(answer: requests.Response) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) > 0
    return True


def post_last(server: Server) -> requests.Response | None:
    """Send a visit on its own connection. None if the server has gone."""
    with suppress(requests.ConnectionError):
        body = {"visitorId": "karim", "visitId": "last"}
        return requests.post(f"{server.url}/api/visitor/register", json=body, timeout=PATIENCE_S)
    return None


def assert_whole(server: Server) -> None:
    """The total is the rows, and what was lost with a database that was rolled back."""
    receipt = wait_until(lambda: (answer := server.get("/api/receipt")).ok and answer.json(), "the receipt")
    ((rows,),) = server.database.rows("SELECT count(*) FROM visits")
    counts = [(part["kind"], part["count"]) for part in receipt["parts"]]
    assert sum(count for kind, count in counts if kind == "visits") == rows
    assert sum(count for _, count in counts) == receipt["total"] == server.stats().total
