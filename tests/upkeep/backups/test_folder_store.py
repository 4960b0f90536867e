"""The contract of backup stores, for a folder and a bucket, and leftovers and failed writes in a folder."""

import errno
import fcntl
import os
import re
import resource
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.sites.backup_names import NOON_MS, nights, others

from koyjabo.base.settings.backup_stores import s3_url
from koyjabo.upkeep.backups import bucket_store
from koyjabo.upkeep.backups.bucket_store import BucketStore
from koyjabo.upkeep.backups.stores import NAME, BackupStore, BackupStoreError, Folder, new_name, rotate, working_folder


def quiet(done: int) -> None:
    pass


@pytest.fixture
def other_file_system(monkeypatch):
    """Make hard links fail, so that files must be copied, as from another disk."""

    def link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)


def test_copy_from_another_file_system_is_readable_only_by_its_owner(folder, made, other_file_system):
    name = new_name(NOON_MS)
    folder.put(made, name, quiet)
    assert os.listdir(folder.path) == [name]
    assert (folder.path / name).stat().st_mode & 0o777 == 0o600
    assert (folder.path / name).read_bytes() == made.read_bytes()


def test_leftovers_of_killed_processes_are_removed_and_living_ones_kept(folder, made, other_file_system):
    abandoned, other = folder.path / ".koyjabo-backup-abcd1234", folder.path / ".koyjabo-backup-mine"
    for path in (abandoned, other):
        path.mkdir()
        (path / "part").touch()
    with working_folder(folder.path) as living:
        (living / "part").touch()
        folder.put(made, new_name(NOON_MS), quiet)
        assert not abandoned.exists()
        assert ((living / "part").exists(), living.stat().st_mode & 0o777) == (True, 0o700)
    assert not living.exists()
    assert (other / "part").exists()


def test_error_names_a_folder_that_is_missing_or_a_file(tmp_path, made):
    for place, why in ((Folder(tmp_path / "nowhere"), "does not exist. Create"), (Folder(made), "cannot .* Choose a")):
        for call in (
            place.names,
            lambda place=place: place.put(made, new_name(NOON_MS), quiet),
            lambda place=place: place.size(new_name(NOON_MS)),
            lambda place=place: place.fetch(new_name(NOON_MS), tmp_path / "fetched", quiet),
        ):
            with pytest.raises(BackupStoreError, match=f"^The folder {place.path} {why}"):
                call()


@contextmanager
def largest_file(size: int):
    """Simulate a disk with this much space."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_error_names_a_folder_that_disappears_during_a_backup(folder, made, other_file_system):
    def unmounted(done: int) -> None:
        shutil.rmtree(folder.path)

    with pytest.raises(BackupStoreError, match=f"^The folder {folder.path} does not exist"):
        folder.put(made, new_name(NOON_MS), unmounted)


PROBLEMS = {
    errno.EACCES: "Permission denied. Give write access to the user that runs the program.",
    errno.EROFS: "Read-only file system. Mount it as writable, or choose another folder.",
    errno.ENOSPC: "No space left on device. Free up space on its disk, or keep fewer backups (BACKUP_KEEP).",
    errno.EIO: "Input/output error. Check its disk, or choose another folder.",
}


def test_error_says_how_to_fix_a_folder(folder, monkeypatch):
    for number, advice in PROBLEMS.items():

        def scandir(path: Path, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "scandir", scandir)
        with pytest.raises(BackupStoreError) as error:
            folder.names()
        assert str(error.value) == f"The folder {folder.path} cannot be used: {advice}"


def test_full_disk_leaves_no_partial_file(folder, made, tmp_path, other_file_system):
    before = new_name(NOON_MS)
    folder.put(made, before, quiet)
    with (
        largest_file(100_000),
        pytest.raises(BackupStoreError, match=f"^The folder {folder.path} cannot be used: File"),
    ):
        folder.put(made, new_name(NOON_MS), quiet)
    assert os.listdir(folder.path) == [before]
    with largest_file(100_000), pytest.raises(BackupStoreError, match=f"^The folder {tmp_path} cannot be used: File"):
        folder.fetch(before, tmp_path / "fetched", quiet)


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


@pytest.fixture(params=["folder", "bucket"])
def kept(request, folder, s3, monkeypatch) -> tuple[BackupStore, Callable[[], dict[str, bytes]]]:
    """A store, and a function that reads all its contents by name. A name with a slash is in a subfolder."""
    monkeypatch.setattr(bucket_store, "MIN_PART_BYTES", 64 << 10)
    if request.param == "folder":
        return folder, lambda: {
            str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()
        }
    return BucketStore(s3_url(s3.url("site/nightly"))), lambda: {
        key.removeprefix("site/nightly/"): contents for key, contents in s3.objects.items()
    }


def store(place: BackupStore, s3, *names: str) -> None:
    """Store empty files."""
    for name in names:
        if isinstance(place, Folder):
            (place.path / name).parent.mkdir(exist_ok=True)
            (place.path / name).touch()
        else:
            s3.objects[f"site/nightly/{name}"] = b""


def test_names_contain_the_time_in_utc_and_sort_by_it():
    assert new_name(NOON_MS).startswith("koyjabo-20261124T120000Z-")
    assert NAME.fullmatch(new_name(NOON_MS))
    assert new_name(NOON_MS) != new_name(NOON_MS)
    forty = nights(40)
    assert sorted(forty) == forty


@pytest.mark.parametrize("size", [0, 1, 64 << 10, 150_000])
def test_stored_backup_is_listed_with_its_size_and_fetched_unchanged(kept, made, tmp_path, size):
    place, contents = kept
    progress: list[int] = []
    made.write_bytes(made.read_bytes()[:size])
    name = new_name(NOON_MS)
    place.put(made, name, progress.append)
    assert contents() == {name: made.read_bytes()}
    assert (place.names(), place.size(name), sum(progress)) == ([name], size, size)
    place.fetch(name, tmp_path / "fetched", progress.append)
    assert (tmp_path / "fetched").read_bytes() == made.read_bytes()
    assert (tmp_path / "fetched").stat().st_mode & 0o777 == 0o600
    assert sum(progress) == 2 * size
    place.remove(name)
    place.remove(name)
    assert (place.names(), contents()) == ([], {})


def test_rotation_keeps_the_newest_and_the_verified_backup_and_other_files(kept, s3):
    place, contents = kept
    names = nights(8)
    elsewhere = [f"more/{names[0]}", *others(names[0])]
    store(place, s3, *reversed(names), *elsewhere)
    s3.objects[f"site/{names[0]}"] = s3.objects[f"site/nightly2/{names[0]}"] = b""
    assert place.names() == names
    rotate(place, 2, names[1])
    assert place.names() == [names[1], *names[-2:]]
    rotate(place, 2, names[-1])
    assert place.names() == names[-2:]
    rotate(place, 14, names[-1])
    assert place.names() == names[-2:]
    assert {*elsewhere, *names[-2:]} <= contents().keys()
    assert {f"site/{names[0]}", f"site/nightly2/{names[0]}"} <= s3.objects.keys()


def test_error_names_the_missing_backup(kept, tmp_path):
    place, _ = kept
    name = new_name(NOON_MS)
    for call in (lambda: place.size(name), lambda: place.fetch(name, tmp_path / "fetched", lambda done: None)):
        with pytest.raises(BackupStoreError, match=re.escape(name)):
            call()


def test_error_names_a_missing_target_folder(kept, made, tmp_path):
    place, _ = kept
    name = new_name(NOON_MS)
    place.put(made, name, lambda done: None)
    with pytest.raises(BackupStoreError, match=f"^The folder {tmp_path / 'gone'} does not exist"):
        place.fetch(name, tmp_path / "gone" / "fetched", lambda done: None)


def test_interrupted_upload_leaves_nothing_half_written(kept, made):
    place, contents = kept
    name = new_name(NOON_MS)

    def interrupted(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.put(made, name, interrupted)
    assert contents() in ({}, {name: made.read_bytes()})
