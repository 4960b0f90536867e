"""A disk that is full: nothing is acknowledged, and all is well as soon as there is room."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.checks import assert_verified
from support.databases import SqliteDatabase
from support.processes import wait_until
from support.server import Server
from support.websocket import WebSocket

from koyjabo.server.process.metrics_folder import PREFIX

DISK = "size=1m"
SOME = 16 * 1024
"""Bytes that are too few to count in."""

VISITORS = 60
"""So many have places all over the table of those who lost their line."""

LONG = "x" * 500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        warnings.warn("NOT TESTED: a full disk, because this user may not mount one", stacklevel=1)
        pytest.skip("mount is not permitted")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)


@pytest.fixture
def server_on_it(small_disk, new_server):
    server = new_server(SqliteDatabase(small_disk / "koyjabo.db")).start()
    yield server
    server.kill()  # before the disk goes


def test_full_disk_refuses_visits_and_heals(server_on_it, small_disk):
    server = server_on_it
    acknowledged = server.register("ayesha").ordinal
    filler = small_disk / "filler"
    fill(filler)
    while (answer := server.post_visit("ayesha", visit=str(acknowledged), page=LONG)).status_code == 200:
        acknowledged = answer.json()["visit"]["ordinal"]  # into what the log has room for
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert server.post_visit("karim", page=LONG).status_code == 503
    assert server.stats().total == acknowledged
    assert server.log.count("ledger_unavailable") == 1, server.log
    filler.unlink()
    assert server.register("ayesha", visit=str(acknowledged)).ordinal == acknowledged + 1
    assert "ledger_recovered" in server.log
    assert_verified(server)


def test_disk_that_was_full_before_the_first_request_can_still_be_read(server_on_it, small_disk):
    fill(small_disk / "filler")
    assert server_on_it.stats().total == 0


def test_backup_onto_a_full_disk_leaves_nothing_there(small_disk, new_server, sqlite_database):
    server = new_server(sqlite_database).start()
    server.register("ayesha")
    fill(small_disk / "filler")
    failed = server.koyjabo("backup", str(small_disk / "koyjabo.backup"))
    assert failed.returncode == 1
    assert "cannot be written: No space left on device." in failed.stderr
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_restore_onto_a_full_disk_changes_nothing(small_disk, server_on_it, new_server, sqlite_database, tmp_path):
    full = new_server(sqlite_database).start()
    for number in range(20):
        full.register("ayesha", visit=str(number), page=LONG)
    backup = tmp_path / "koyjabo.backup"
    assert full.koyjabo("backup", str(backup)).returncode == 0
    server_on_it.register("karim")
    fill(small_disk / "filler")
    failed = server_on_it.koyjabo("restore", str(backup), "--force")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert server_on_it.stats().total == 1
    (small_disk / "filler").unlink()
    assert_verified(server_on_it)
    assert server_on_it.register("nila").ordinal == 2


def test_workers_outlive_a_disk_that_fills_up_where_they_count(small_disk, new_server):
    server = new_server(SqliteDatabase(small_disk / "koyjabo.db"), TMPDIR=small_disk).start()
    try:
        server.register("ayesha")
        fill(small_disk / "filler")
        assert_counts_lost_lines(server)
        while (answer := server.post_visit("karim", page=LONG)).status_code == 200:
            pass
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        assert server.stats().total >= 1
        (folder,) = small_disk.glob(f"{PREFIX}*")
        written = [file for file in folder.iterdir() if file.suffix == ".db" or file.name == "comebacks"]
        assert len(written) == 3
        assert all(file.stat().st_blocks * 512 >= file.stat().st_size > 0 for file in written)
    finally:
        server.kill()  # before the disk goes


def test_worker_that_finds_no_room_to_count_in_counts_by_itself(small_disk, new_server, sqlite_database):
    fill(small_disk / "filler", but=SOME)
    server = new_server(sqlite_database, TMPDIR=small_disk).start()
    try:
        fill(small_disk / "rest")
        server.register("ayesha")
        assert_counts_lost_lines(server)
        assert server.register("karim").ordinal == 2
        (folder,) = small_disk.glob(f"{PREFIX}*")
        assert [file.name for file in folder.iterdir()] == ["lock"]
    finally:
        server.kill()


def assert_counts_lost_lines(server: Server) -> None:
    """Open and lose sockets of many visitors, twice; the worker lives, and its metrics say how many have ended."""
    born = server.worker_pids()
    for _ in range(2):
        for number in range(VISITORS):
            line = WebSocket(server.port, path=f"/?visitorId=visitor-{number}")
            line.event()
            line.reset()
            assert server.worker_pids() == born, server.log
    ended = f"koyjabo_connection_duration_seconds_count {2 * VISITORS}.0"
    wait_until(lambda: ended in server.metrics(), "all have ended")


def fill(filler: Path, but: int = 0) -> None:
    """Write until there is no room for another byte, or for `but` bytes only."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    if but:
        os.truncate(filler, filler.stat().st_size - but)
