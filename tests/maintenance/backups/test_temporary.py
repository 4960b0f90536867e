"""The folders in which backups are made: each for one process, and none for longer than it lives."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from koyjabo.maintenance.backups.temporary import working_folder

CROWD = 8
LOOP = """
import sys, time
from itertools import count
from pathlib import Path
from koyjabo.maintenance.backups.temporary import working_folder
for number in count():
    if number == 20:
        print("works", flush=True)
    with working_folder(Path(sys.argv[1])) as folder:
        part = folder / "part"
        part.touch()
        time.sleep(0)
        assert part.exists()
"""


@pytest.mark.parametrize("before", ["it is opened", "it is locked"])
def test_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(tmp_path, monkeypatch, before):
    made, mkdtemp, flock = [], tempfile.mkdtemp, fcntl.flock

    def make(**options: str) -> str:
        made.append(mkdtemp(**options))
        if (len(made), before) == (1, "it is opened"):
            os.rmdir(made[0])
        return made[-1]

    def lock(file: int, how: int) -> None:
        if (len(made), before) == (1, "it is locked"):
            os.rmdir(made[0])
        flock(file, how)

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    monkeypatch.setattr(fcntl, "flock", lock)
    with working_folder(tmp_path) as folder:
        (folder / "part").touch()
        assert made[1:] == [str(folder)]
    assert os.listdir(tmp_path) == []


@pytest.mark.long(
    proved_by="maintenance/backups/test_temporary.py::test_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_again"
)
def test_processes_that_come_and_are_killed_never_lose_a_folder_that_they_use(tmp_path):
    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", LOOP, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    crowd = [begin() for _ in range(CROWD)]
    for _ in range(5 * CROWD):
        killed = crowd.pop(random.randrange(CROWD))
        assert killed.stdout.readline() == b"works\n", killed.communicate()[1]
        crowd.append(begin())
        killed.kill()
        killed.communicate()
    for each in crowd:
        assert each.poll() is None, each.communicate()[1]
        each.kill()
        each.communicate()
    with working_folder(tmp_path) as last:
        assert [tmp_path / name for name in os.listdir(tmp_path)] == [Path(last)]
