"""Files that root makes belong to the server's user (specification: Settings). Root runs these tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.application.site import Site
from support.sites.full_site import in_context, quiet

from koyjabo.base.core import own_files
from koyjabo.base.settings.operator_secrets import load_or_create
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.backups.folder import LOCK_FILE, BackupFolder

SERVER, GROUP = 10001, 10002


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the server's user."""
    if os.geteuid():
        pytest.skip("the right to give files to another user is missing: `sudo make test` has it")
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, SERVER, GROUP)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def as_server() -> Iterator[None]:
    os.setresuid(SERVER, SERVER, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def owners(folder: Path) -> set[tuple[int, int]]:
    return {(path.stat().st_uid, path.stat().st_gid) for path in folder.rglob("*")}


def test_files_that_root_makes_belong_to_the_servers_user(folder):
    (folder / "backups").mkdir()  # by root
    with Site(f"sqlite:///{folder / 'new' / 'live.db'}", BACKUP_DIR=str(folder / "backups")) as site:
        site.register("ayesha")
        with in_context(site):
            site.services[Backups].make(quiet)
        load_or_create(folder / "keys" / "secret_key")
        assert owners(folder) - {(0, 0)} == {(SERVER, GROUP)}
        assert [path.name for path in folder.rglob("*") if path.stat().st_uid == 0] == ["backups"]


def test_a_lock_that_root_made_is_replaced_or_named_with_its_remedy(folder):
    lock, victim = folder / LOCK_FILE, folder / "victim"
    lock.touch(0o600)
    with as_server(), BackupFolder(folder).locked():
        assert lock.stat().st_uid == SERVER
    os.chown(lock, 0, 0)
    os.chown(folder, 0, 0)
    os.chmod(folder, 0o755)
    with as_server(), pytest.raises(PermissionError, match=f"chown {SERVER}:"), BackupFolder(folder).locked():
        pass
    lock.unlink()
    victim.touch()
    lock.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        own_files.open_lock(lock)


def test_backups_that_the_server_cannot_read_are_named_with_the_remedy(folder):
    backup = folder / "koyjabo-20261124T033000Z-4f2a91c7.backup"
    backup.touch(0o600)
    with as_server():
        assert BackupFolder(folder).remedy() == f"chown -R {SERVER}:0 {folder}"
    os.chown(backup, SERVER, GROUP)
    with as_server():
        assert BackupFolder(folder).remedy() == ""
