"""`koyjabo backup --to URL` and `koyjabo restore URL`."""

import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from support.application.site import Site
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers import s3_server
from support.servers.s3_server import CREDENTIALS, HANG, LOST
from support.sites.backup_names import nights
from support.sites.full_site import in_context

from koyjabo.base.core.errors import Unusable
from koyjabo.cli import errors_as_sentences
from koyjabo.upkeep.backups import backup, cli
from koyjabo.upkeep.backups.stores import FOLDER_PREFIX, NAME


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    """A separate TMPDIR that shows what commands leave behind."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def left_in(scratch: Path) -> list[str]:
    """Files left by commands. The test itself may have other files there."""
    return [name for name in os.listdir(scratch) if name.startswith(FOLDER_PREFIX)]


@pytest.fixture
def visited(sqlite_database):
    """A site with three visits."""
    with Site(sqlite_database.url) as site:
        for visitor in ("ayesha", "karim", "nila"):
            site.register(visitor)
        yield site


def run(site: Site, *arguments: str) -> Result:
    """Run `koyjabo …` in this process."""

    @contextmanager
    def application():
        with errors_as_sentences(), in_context(site):
            yield site.services

    name, *rest = arguments
    return CliRunner().invoke(getattr(cli, name), rest, obj=application)


def done(site: Site, *arguments: str) -> list[str]:
    """Run a command that must succeed. Returns the lines it printed."""
    result = run(site, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def refused(site: Site, *arguments: str) -> str:
    result = run(site, *arguments)
    assert result.exit_code in (1, 2), result.output
    return result.stderr


@pytest.fixture(params=["folder", "bucket"])
def url(request, folder, s3) -> str:
    """The URL of a store, with a slash at the end."""
    return f"{folder.path}/" if request.param == "folder" else s3.url("live/")


def inside(url: str, name: str) -> str:
    path, mark, query = url.partition("?")
    return f"{path}{name}{mark}{query}"


def test_backup_is_restored_by_its_name_or_as_the_newest(visited, url, scratch):
    *_, name = done(visited, "backup", "--to", url)
    assert NAME.fullmatch(name)
    visited.register("later")
    visited.time.pass_(seconds=1)
    *_, newest = done(visited, "backup", "--to", url.replace("/?", "?"))
    assert newest > name
    visited.register("lost")
    assert "--force" in refused(visited, "restore", url)
    first, last = done(visited, "restore", url, "--force")
    assert first.endswith(f"{newest}.")
    assert last == "Restored and recounted 4 visits. The total is 4."
    assert done(visited, "restore", inside(url, name), "--force")[-1].endswith("The total is 3.")
    assert visited.recount() == []
    assert left_in(scratch) == []


def test_backup_that_cannot_be_sent_is_not_recorded(visited, s3, scratch):
    """The audit log has no entry, so it does not count."""
    s3.fail(None, 403)
    assert "refused to keep" in refused(visited, "backup", "--to", s3.url("live"))
    assert visited.rows("SELECT 1 FROM audit_log WHERE action = 'ledger.backup'") == []
    assert (s3.objects, left_in(scratch)) == ({}, [])
    done(visited, "backup", "--to", s3.url("live"))
    assert visited.rows("SELECT COUNT(*) FROM audit_log WHERE action = 'ledger.backup'") == [(1,)]


def test_backup_to_a_full_disk_says_what_to_do(visited, folder, monkeypatch):
    def fail(*_: object) -> None:
        raise Unusable("It cannot be written.")

    monkeypatch.setattr(backup, "write", fail)
    message = refused(visited, "backup", "--to", str(folder.path))
    assert "It cannot be written. Free up space there, or choose another folder." in message
    assert os.listdir(folder.path) == []


def test_store_that_does_not_work_is_noticed_before_the_backup(visited, s3, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "write", None)
    s3.fail(403)
    assert "refused to list" in refused(visited, "backup", "--to", s3.url("live"))
    assert "does not exist. Create it" in refused(visited, "backup", "--to", str(tmp_path / "nowhere"))


def test_backup_command_explains_a_refusal_in_a_sentence(visited, s3, folder, scratch):
    done(visited, "backup", "--to", s3.url("live"))
    (whole,) = s3.objects.values()
    name, broken, cut_off, before = *nights(3), visited.stats()["totalVisits"]
    s3.objects |= {f"live/{broken}": b"not a backup", f"live/{cut_off}": whole[:-9]}
    refusals = {
        ("backup",): "Give either FILE or --to URL.",
        ("backup", "a.backup", "--to", "."): "Give either FILE or --to URL.",
        ("backup", "--to", "s3://B/x"): "s3://B/x should look like s3://bucket/prefix?endpoint=",
        ("restore", f"{folder.path}/"): f"There is no backup under {folder.path}/. Check the folder or prefix.",
        ("restore", s3.url("nowhere/")): "There is no backup under s3://",
        ("restore", s3.url(f"live/{name}")): f"s3://shapla/live/{name} does not exist. Check the bucket, prefix",
        ("restore", s3.url(f"live/{broken}"), "--force"): "it is not a backup made by this program",
        ("restore", s3.url(f"live/{cut_off}"), "--force"): "The backup is truncated: its end is missing.",
        ("restore", f"{folder.path}/{name}"): "The backup cannot be read: No such file or directory.",
    }
    for arguments, sentence in refusals.items():
        assert sentence in refused(visited, *arguments), arguments
    assert (visited.stats()["totalVisits"], left_in(scratch)) == (before, [])


def test_restore_without_room_fails_before_it_fetches_anything(visited, s3, scratch, monkeypatch):
    s3.objects["live/a.backup"] = bytes(3_000_000)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    message = refused(visited, "restore", s3.url("live/a.backup"))
    assert f"The backup is 3.0 MB, which is 2.0 MB more than {scratch} has room for." in message
    assert s3.calls == ["HEAD"]


@pytest.mark.long(
    proved_by="upkeep/backups/test_backup_commands.py::test_restore_without_room_fails_before_it_fetches_anything"
)
@pytest.mark.parametrize(("arguments", "call"), [(("backup", "--to", "live"), 2), (("restore", "live/"), 3)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_command_ended_by_a_signal_leaves_no_files(
    s3, scratch, new_server, sqlite_database, arguments, call, number, monkeypatch
):
    """The command exits immediately, even while a bucket hangs."""
    server = new_server(sqlite_database, **CREDENTIALS, TMPDIR=scratch)
    done_before = server.koyjabo("backup", "--to", s3.url("live"))
    assert done_before.returncode == 0, done_before.stderr
    before, calls = dict(s3.objects), len(s3.calls)
    monkeypatch.setattr(s3_server, "HANG_S", 600)
    s3.fault = lambda number: HANG if number == calls + call else None
    process = server.begin(arguments[0], *arguments[1:-1], s3.url(arguments[-1]))
    wait_until(lambda: len(s3.calls) >= calls + call, "it waits for the server")
    assert left_in(scratch)
    os.kill(process.pid, number)
    assert process.wait(PATIENCE_S) != 0
    assert left_in(scratch) == []
    assert before.items() <= s3.objects.items()


@pytest.mark.long(
    proved_by="upkeep/backups/test_folder_store.py::test_leftovers_of_killed_processes_are_removed_and_living_ones_kept"
)
def test_killed_backup_stores_no_partial_file_and_the_next_one_cleans_up(s3, scratch, new_server, sqlite_database):
    server = new_server(sqlite_database, **CREDENTIALS, TMPDIR=scratch)
    name = server.koyjabo("backup", "--to", s3.url("live")).stdout.splitlines()[-1]
    whole, calls = len(s3.objects[f"live/{name}"]), len(s3.calls)
    for call in range(1, calls + 1):
        for fault in (HANG, LOST):
            first = len(s3.calls) + call
            s3.fault = lambda number, first=first, fault=fault: fault if number == first else None
            process = server.begin("backup", "--to", s3.url("live"))
            wait_until(lambda first=first: len(s3.calls) >= first, "the call comes")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert all(len(entry) > whole / 2 for entry in s3.objects.values())
    s3.fault = lambda number: None
    assert server.koyjabo("backup", "--to", s3.url("live")).returncode == 0
    assert left_in(scratch) == []
