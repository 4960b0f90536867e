"""The folder of backups: which files are listed and removed, and the lock that lets one backup run at a time."""

import fcntl
import os

import pytest

from koyjabo.base.core.errors import BackupUnderWay
from koyjabo.upkeep.backups.folder import (
    LOCK_FILE,
    UNVERIFIED_ENDING,
    VERIFIED_ENDING,
    WORK_FOLDER,
    BackupFolder,
    new_name,
)

NOON_MS = 1_795_521_600_000
"""Noon on 2026-11-24, UTC."""


def nights(count: int) -> list[str]:
    """The names of `count` nightly backups, oldest first."""
    return [new_name(NOON_MS + night * 86_400_000) + VERIFIED_ENDING for night in range(count)]


def test_the_rotation_keeps_the_newest_backups_the_verified_one_and_other_files(folder):
    names = nights(8)
    others = ["koyjabo-2026-11-24.backup", "notes.txt", f"{names[0]}.old", f".{names[0]}", f"x{names[0]}"]
    others.append(new_name(NOON_MS) + UNVERIFIED_ENDING)
    for name in (*reversed(names), *others):
        (folder / name).touch()
    place = BackupFolder(folder)
    assert place.names() == names
    place.rotate(2, names[1])
    assert place.names() == [names[1], *names[-2:]]
    place.rotate(2, names[-1])
    assert place.names() == names[-2:]
    place.rotate(14, names[-1])
    assert {*os.listdir(folder)} == {*others, *names[-2:]}


def test_only_one_backup_runs_in_a_folder_at_a_time(folder):
    place = BackupFolder(folder)
    assert not place.is_locked()
    with place.locked() as work:
        assert place.is_locked()
        (work / "part").touch()
        with pytest.raises(BackupUnderWay), place.locked():
            pass
        assert (work / "part").exists()
    assert not place.is_locked()
    assert os.listdir(folder) == [LOCK_FILE]


def test_a_page_that_checks_for_a_running_backup_does_not_prevent_a_backup(folder, monkeypatch):
    """It has the lock for a moment."""
    place, pauses = BackupFolder(folder), []
    with place.locked():
        pass
    with (folder / LOCK_FILE).open("rb") as page:
        fcntl.flock(page, fcntl.LOCK_SH)

        def let_go(seconds: float) -> None:
            pauses.append(seconds)
            fcntl.flock(page, fcntl.LOCK_UN)

        monkeypatch.setattr("koyjabo.upkeep.backups.folder.time.sleep", let_go)
        with place.locked():
            assert len(pauses) == 1


def test_the_files_of_a_killed_backup_are_removed_by_the_next_backup(folder):
    (folder / WORK_FOLDER).mkdir()
    (folder / WORK_FOLDER / "part").touch()
    with BackupFolder(folder).locked() as work:
        assert (os.listdir(work), work.stat().st_mode & 0o777) == ([], 0o700)
    assert os.listdir(folder) == [LOCK_FILE]
