"""A full disk: nothing is acknowledged, and everything works again as soon as there is space."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.assertions.ledger import assert_verified
from support.clients.websocket import WebSocket
from support.databases.database import SqliteDatabase
from support.faults.disks import small_disk
from support.programs.processes import wait_until
from support.servers.server import Server

from koyjabo.server.process.metrics_folder import FOLDER_PREFIX

VISITORS = 60  # enough visitors to reach all parts of the table of lost connections
LONG = "x" * 500


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "size=4m") as folder:
        if folder is None:
            pytest.skip("a full disk: this user may not mount one")
        yield folder


def test_visits_are_refused_while_the_disk_is_full_and_stored_again_afterwards(disk, new_server):
    """Workers survive, even when their metrics cannot be written."""
    server, filler = new_server(SqliteDatabase(disk / "koyjabo.db"), TMPDIR=disk).start(), disk / "filler"
    fill(filler)
    assert server.stats().total == 0
    filler.unlink()
    acknowledged = server.register("ayesha").ordinal
    fill(filler)
    assert_counts_lost_lines(server)
    while (answer := server.post_visit("ayesha", visit=str(acknowledged), page=LONG)).status_code == 200:
        acknowledged = answer.json()["visit"]["ordinal"]  # as long as the log has room
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert server.post_visit("karim", page=LONG).status_code == 503
    assert server.stats().total == acknowledged
    assert server.log.count("ledger_unavailable") == 1, server.log
    (folder,) = disk.glob(f"{FOLDER_PREFIX}*")
    written = [file for file in folder.iterdir() if file.suffix == ".db" or file.name == "comebacks"]
    assert len(written) == 3
    assert all(file.stat().st_blocks * 512 >= file.stat().st_size > 0 for file in written)
    filler.unlink()
    assert server.register("ayesha", visit=str(acknowledged)).ordinal == acknowledged + 1
    assert "ledger_recovered" in server.log
    assert_verified(server)


def test_events_are_refused_and_visits_stored_while_the_disk_is_almost_full(disk, new_server):
    """Applies while less than 5 % of this small disk is free."""
    database = SqliteDatabase.migrated(disk / "koyjabo.db")
    fill(disk / "filler", but=180 * 1024)
    server = new_server(database).start()
    event = {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]}
    refused = server.post("/api/events", json=event)
    assert (refused.status_code, refused.json()["code"]) == (503, "disk_almost_full")
    assert refused.headers["Retry-After"] == "60"
    assert server.register("ayesha").ordinal == 1
    assert "disk_almost_full free=" in server.log
    assert 'koyjabo_errors_total{kind="disk_almost_full"} 1.0' in server.metrics()
    (disk / "filler").unlink()
    wait_until(lambda: server.post("/api/events", json=event).status_code == 200, "events are recorded")
    assert "disk_has_room" in server.log


def assert_counts_lost_lines(server: Server) -> None:
    """Open and lose many visitors' sockets, twice. Asserts that the worker survives and that its metrics count them."""
    born = server.worker_pids()
    for _ in range(2):
        for number in range(VISITORS):
            line = WebSocket(server.port, path=f"/?visitorId=visitor-{number}")
            line.event()
            line.reset()
    ended = f"koyjabo_connection_duration_seconds_count {2 * VISITORS}.0"
    wait_until(lambda: ended in server.metrics(), "all have ended")
    assert server.worker_pids() == born, server.log


def fill(filler: Path, but: int = 0) -> None:
    """Fill the disk to the last byte, or leave `but` bytes free."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    if but:
        os.truncate(filler, filler.stat().st_size - but)
