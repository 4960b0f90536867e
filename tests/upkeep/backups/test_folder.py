"""The folder of backups: which files are listed and removed, and the lock that lets one backup run at a time."""

import fcntl
import os

import pytest
from support.sites.backup_files import add_backup

from koyjabo.base.core.errors import BackupUnderWay
from koyjabo.upkeep.backups.folder import (
    LOCK_FILE,
    UNVERIFIED_ENDING,
    VERIFIED_ENDING,
    WORK_FOLDER,
    BackupFolder,
    made_ms,
    new_name,
)

NOON_MS = 1_795_521_600_000
"""Noon on 2026-11-24, UTC."""


def nights(count: int) -> list[str]:
    """The names of `count` nightly backups, oldest first."""
    return [new_name(NOON_MS + night * 86_400_000) + VERIFIED_ENDING for night in range(count)]


def test_a_name_has_the_time_in_utc_and_sorts_by_it():
    assert new_name(NOON_MS).startswith("koyjabo-20261124T120000Z-")
    assert made_ms(new_name(NOON_MS) + UNVERIFIED_ENDING) == NOON_MS
    assert new_name(NOON_MS) != new_name(NOON_MS)
    assert sorted(nights(40))[0].startswith("koyjabo-20261124")


def test_rotation_keeps_the_newest_and_the_verified_backup_and_other_files(folder):
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


def test_list_has_the_total_of_each_file_and_a_damaged_one_is_unverified(folder, sqlite_database):
    from support.application.site import Site

    with Site(sqlite_database.url, BACKUP_DIR=str(folder)) as site:
        verified, unverified = add_backup(site, 2, 7), add_backup(site, 1, 8, UNVERIFIED_ENDING)
        damaged = add_backup(site)
    (folder / damaged).write_bytes(b"\x1f\x8b damaged")
    files = BackupFolder(folder).files()
    assert [(file.name, file.total, file.is_verified) for file in files] == [
        (damaged, None, False),
        (unverified, 8, False),
        (verified, 7, True),
    ]


def test_a_backup_that_is_removed_while_the_list_is_read_hides_no_others(folder, monkeypatch):
    kept, removed = nights(2)
    (folder / kept).touch()
    monkeypatch.setattr(BackupFolder, "names", lambda self, ending: [kept, removed])
    assert [file.name for file in BackupFolder(folder).files()] == [kept]


def test_one_backup_runs_in_a_folder_at_a_time(folder):
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


def test_a_page_that_looks_whether_a_backup_runs_keeps_none_from_beginning(folder, monkeypatch):
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


def test_files_of_a_killed_backup_are_removed_by_the_next_one(folder):
    (folder / WORK_FOLDER).mkdir()
    (folder / WORK_FOLDER / "part").touch()
    with BackupFolder(folder).locked() as work:
        assert (os.listdir(work), work.stat().st_mode & 0o777) == ([], 0o700)
    assert os.listdir(folder) == [LOCK_FILE]
