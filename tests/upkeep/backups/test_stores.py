"""The contract of backup stores, for a folder and a bucket."""

import re
from collections.abc import Callable

import pytest
from support.sites.backup_names import NOON_MS, nights, others

from koyjabo.base.settings.backup_stores import s3_url
from koyjabo.upkeep.backups import bucket_store
from koyjabo.upkeep.backups.bucket_store import BucketStore
from koyjabo.upkeep.backups.stores import NAME, BackupStore, BackupStoreError, Folder, new_name, rotate


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
