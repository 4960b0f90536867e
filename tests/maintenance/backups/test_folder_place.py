"""Backups in a folder: whole under their names, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from koyjabo.maintenance.backups import places
from koyjabo.maintenance.backups.places import BackupPlaceError, Folder, new_name, rotate
from koyjabo.maintenance.backups.temporary import working_folder

CONTENTS = bytes(range(256)) * 9_000
NOON_MS = 1_795_521_600_000  # 2026-11-24


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "backups").mkdir()
    return Folder(tmp_path / "backups")


@pytest.fixture
def made(tmp_path) -> Path:
    path = tmp_path / "made"
    path.write_bytes(CONTENTS)
    path.chmod(0o600)
    return path


def quiet(done: int) -> None:
    pass


def nights(count: int) -> list[str]:
    return [new_name(NOON_MS + night * 86_400_000) for night in range(count)]


def no_links(*_: object) -> None:
    """As between two file systems."""
    raise OSError(18, "Invalid cross-device link")


def test_names_say_when_in_utc_and_sort_by_it():
    assert new_name(NOON_MS).startswith("koyjabo-20261124T120000Z-")
    assert places.NAME.fullmatch(new_name(NOON_MS))
    assert new_name(NOON_MS) != new_name(NOON_MS)
    forty = nights(40)
    assert sorted(forty) == forty


@pytest.mark.parametrize("by_copy", [False, True])
def test_backup_that_is_put_can_be_fetched_and_only_its_owner_may_read_it(folder, made, tmp_path, monkeypatch, by_copy):
    if by_copy:
        monkeypatch.setattr(os, "link", no_links)
    said: list[int] = []
    name = new_name(NOON_MS)
    folder.put(made, name, said.append)
    folder.fetch(name, tmp_path / "fetched", said.append)
    assert (folder.path / name).read_bytes() == (tmp_path / "fetched").read_bytes() == CONTENTS
    assert {(folder.path / name).stat().st_mode & 0o777, (tmp_path / "fetched").stat().st_mode & 0o777} == {0o600}
    assert (folder.names(), folder.size(name), sum(said)) == ([name], len(CONTENTS), 2 * len(CONTENTS))
    assert os.listdir(folder.path) == [name]
    assert made.read_bytes() == CONTENTS
    folder.remove(name)
    folder.remove(name)
    assert folder.names() == []


def test_rotation_keeps_the_newest_and_the_proven_one_and_touches_nothing_else(folder):
    names = nights(6)
    others = ["koyjabo-2026-11-24.backup", "notes.txt", f"{names[0]}.old", f".{names[0]}", f"x{names[0]}"]
    for name in (*names, *others):
        (folder.path / name).touch()
    (folder.path / "more").mkdir()
    (folder.path / "more" / names[0]).touch()
    (folder.path / new_name(NOON_MS)).mkdir()
    left = sorted([*others, "more", *[each for each in os.listdir(folder.path) if (folder.path / each).is_dir()]])
    rotate(folder, 2, names[1])
    assert folder.names() == [names[1], *names[-2:]]
    rotate(folder, 2, names[-1])
    assert folder.names() == names[-2:]
    assert sorted(set(os.listdir(folder.path)) - set(names)) == sorted(set(left))
    assert (folder.path / "more" / names[0]).exists()


def test_what_a_killed_process_left_goes_with_the_next_and_what_a_living_one_has_stays(folder, made, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    abandoned = folder.path / ".koyjabo-backup-abcd1234"
    abandoned.mkdir()
    (abandoned / "part").touch()
    (folder.path / ".koyjabo-backup-mine").mkdir()
    with working_folder(folder.path) as living:
        (living / "part").touch()
        folder.put(made, new_name(NOON_MS), quiet)
        assert not abandoned.exists()
        assert (living / "part").exists()
    assert not living.exists()
    assert sorted(os.listdir(folder.path))[:1] == [".koyjabo-backup-mine"]


def test_folder_that_is_missing_or_no_folder_is_named_with_what_to_do(tmp_path, made):
    for place, why in ((Folder(tmp_path / "nowhere"), "does not exist. Create"), (Folder(made), "cannot .* Name a fo")):
        for call in (
            place.names,
            lambda place=place: place.put(made, new_name(NOON_MS), quiet),
            lambda place=place: place.size(new_name(NOON_MS)),
            lambda place=place: place.fetch(new_name(NOON_MS), tmp_path / "fetched", quiet),
        ):
            with pytest.raises(BackupPlaceError, match=f"^The folder {place.path} {why}"):
                call()


def test_backup_that_is_not_there_is_named(folder, tmp_path):
    name = new_name(NOON_MS)
    with pytest.raises(BackupPlaceError, match=rf"^The folder {folder.path} has no file {name}\.$"):
        folder.fetch(name, tmp_path / "fetched", quiet)


def test_put_that_fails_leaves_nothing(folder, made, monkeypatch):
    def full(done: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(BackupPlaceError, match=r"No space left on device\. Free space"):
        folder.put(made, new_name(NOON_MS), full)
    assert os.listdir(folder.path) == []
