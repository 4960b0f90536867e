"""Where a server's workers add up their metrics, and what happens when there is no space for them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from support.programs.processes import run

from koyjabo.server.process import metrics_folder
from koyjabo.server.process.metrics_folder import FILE_BYTES, keep_if_there

FOLDER, WORKER = "PROMETHEUS_MULTIPROC_DIR", "KOYJABO_WORKER"
COUNT_ALL_THERE_IS = """
from koyjabo.base.observability.metrics import Gauges
from koyjabo.base.observability.metrics import MAX_ERROR_KINDS, Metrics

metrics = Metrics(Gauges(None, None))
for number in range(2 * MAX_ERROR_KINDS):
    metrics.error(f"{number:050}")
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    """Restore the environment variable afterwards, because a server leaves it set."""
    monkeypatch.setenv(FOLDER, "/left/by/another")


@contextmanager
def new_folder() -> Iterator[None]:
    lock = metrics_folder.create()
    try:
        yield
    finally:
        metrics_folder.remove()
        os.close(lock)


def test_without_a_folder_each_worker_shows_its_own_metrics(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/proc/nowhere")
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    monkeypatch.setenv(FOLDER, "/somebody/elses")
    with new_folder():
        assert FOLDER not in os.environ


def test_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(monkeypatch, tmp_path):
    """Another server, which starts at the same time, removes it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    removed, flock = [], fcntl.flock

    def lock(file: IO[str], how: int) -> None:
        if how == fcntl.LOCK_EX and not removed:
            removed.append(os.path.dirname(os.readlink(f"/proc/self/fd/{file}")))
            shutil.rmtree(removed[0])
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    with new_folder():
        assert os.listdir(tmp_path) == [os.path.basename(os.environ[FOLDER])]
        assert os.environ[FOLDER] not in removed
    assert (len(removed), os.listdir(tmp_path)) == (1, [])


def test_files_have_all_the_room_that_is_ever_counted_in(monkeypatch, tmp_path):
    """Otherwise prometheus-client would extend a file later, when there may be no space left."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setenv(WORKER, "7")
    keep_if_there()
    reserved = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    counted = run("-c", COUNT_ALL_THERE_IS, **{FOLDER: tmp_path, WORKER: 7})
    assert counted.returncode == 0, counted.stderr
    assert {path.name: path.stat().st_ino for path in tmp_path.iterdir()} == reserved
    for path in tmp_path.iterdir():
        assert path.stat().st_size == FILE_BYTES
        assert path.stat().st_blocks * 512 >= FILE_BYTES
