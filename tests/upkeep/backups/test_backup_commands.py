"""`koyjabo backup` without a file, and `koyjabo restore` from a folder."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.application.site import Site
from support.sites.full_site import in_context

from koyjabo.cli import errors_as_sentences
from koyjabo.upkeep.backups import cli
from koyjabo.upkeep.backups.folder import BACKUP_NAME, LOCK_FILE, UNVERIFIED_ENDING, BackupFolder


@pytest.fixture
def visited(sqlite_database, folder):
    with Site(sqlite_database.url, BACKUP_DIR=str(folder)) as site:
        for visitor in ("ayesha", "karim", "nila"):
            site.register(visitor)
        yield site


def run(site: Site, *arguments: str) -> Result:
    """Run `koyjabo …` in this process."""

    @contextmanager
    def application(creates: str):
        with errors_as_sentences(), in_context(site):
            yield site.services

    name, *rest = arguments
    return CliRunner().invoke(getattr(cli, name), rest, obj=application)


def done(site: Site, *arguments: str) -> list[str]:
    """Run a command that must succeed. Returns the lines it printed."""
    result = run(site, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_verified_backup_is_selected_by_name_or_as_the_newest_in_a_folder(visited, folder):
    (line,) = done(visited, "backup")
    path = Path(line.rpartition(" ")[2].removesuffix("."))
    assert "(3 visits)" in line
    assert BACKUP_NAME.fullmatch(path.name)
    visited.register("later")
    visited.time.pass_(seconds=1)
    assert done(visited, "backup", "--quiet") == []
    newest = BackupFolder(folder).names()[-1]
    visited.register("lost")
    assert "--force" in run(visited, "restore", f"{folder}/").stderr
    first, last = done(visited, "restore", str(folder), "--force")
    assert first == f"Restoring {folder}/{newest}."
    assert last.endswith("The total is 4.")
    assert done(visited, "restore", str(path), "--force")[-1].endswith("The total is 3.")
    assert visited.recount() == []
    assert {*os.listdir(folder)} == {LOCK_FILE, path.name, newest}


def test_the_command_explains_each_refusal_in_a_sentence(visited, folder, tmp_path):
    before, file = visited.stats()["totalVisits"], tmp_path / "whole"
    done(visited, "backup", str(file))
    assert os.listdir(folder) == []
    (folder / "broken").write_bytes(b"not a backup")
    (folder / "cut_off").write_bytes(file.read_bytes()[:-9])
    (folder / f"koyjabo-20261124T033000Z-4f2a91c7{UNVERIFIED_ENDING}").write_bytes(file.read_bytes())
    refusals = {
        ("restore", f"{folder}/"): f"There is no backup in {folder}/. Check the folder.",
        ("restore", f"{folder}/broken", "--force"): "it is not a backup made by this program",
        ("restore", f"{folder}/cut_off"): "already contains data",
        ("restore", f"{folder}/cut_off", "--force"): "The backup is truncated: its end is missing.",
    }
    for arguments, sentence in refusals.items():
        refused = run(visited, *arguments)
        assert (refused.exit_code, sentence in refused.stderr) == (1, True), refused.stderr
    with BackupFolder(folder).locked():
        assert run(visited, "backup").exit_code == 1
    assert visited.rows("SELECT 1 FROM audit_log WHERE action = 'backup.failed'") == []
    assert visited.stats()["totalVisits"] == before
    with Site(visited.database_url) as off:
        assert "set BACKUP_DIR" in run(off, "backup").stderr
