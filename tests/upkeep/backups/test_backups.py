"""Automatic backups: when they are made, how they are verified, and what happens when one fails."""

import fcntl
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.application.site import SECRET, Site
from support.people.accounts import confirm
from support.people.communities import site_admin
from support.programs.patience import BEHIND_S
from support.programs.processes import METRICS_TOKEN, wait_until
from support.sites.backups import add_backup, add_failure
from support.sites.full_site import in_context, quiet

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import BackupsOff, BackupUnderWay, Forbidden, KoyJaboError, Unusable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.jobs.claims import ClaimLost
from koyjabo.upkeep.backups import backup, backup_queries, backups as service
from koyjabo.upkeep.backups.backups import FAILURE_PAUSE_MS, FAILURE_WARNING, Backups, BackupState
from koyjabo.upkeep.backups.folder import (
    LOCK_FILE,
    UNVERIFIED_ENDING,
    VERIFIED_ENDING,
    WORK_FOLDER,
    BackupFolder,
    new_name,
)
from koyjabo.upkeep.backups.verified import Inconsistent

MAIL = {"SMTP_URL": "smtp://127.0.0.1:1?from=live@example.com", "PUBLIC_URL": "https://example.com"}
BEFORE, AT = "2025-12-16T03:29:59+06:00", "2025-12-16T03:30:00+06:00"


@pytest.fixture
def site(database, folder, monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setattr(service, "NICENESS", 1)  # other tests keep all cores busy
    with Site(database.url, BACKUP_DIR=str(folder), **MAIL) as site:
        site_admin(site, "nadia")
        site.time.go_to(BEFORE)
        yield site
        backups(site).close()


def backups(site: Site) -> Backups:
    return site.services[Backups]


def state(site: Site) -> BackupState:
    wait_until(lambda: not backups(site)._is_reading, "the folder was read")
    backups(site).state(OPERATOR)
    wait_until(lambda: not backups(site)._is_reading, "the folder was read")
    return backups(site).state(OPERATOR)


def tick(site: Site) -> None:
    state(site)
    backups(site).tick()


def ended(site: Site) -> BackupState:
    """Wait until this worker is no longer making a backup, and return the state."""
    wait_until(lambda: not backups(site)._pid and not backups(site)._work._is_busy, "the backup has ended", BEHIND_S)
    return state(site)


def make(site: Site) -> str:
    """Make a backup in this process, as `koyjabo backup` does. Returns its name."""
    with in_context(site):
        path, _head = backups(site).make(quiet)
    return path.name


def count(site: Site, what: str) -> int:
    return site.rows(f"SELECT count(*) FROM {what}")[0][0]


def details(site: Site, action: str) -> list[dict]:
    return [json.loads(row[0]) for row in site.rows("SELECT details FROM audit_log WHERE action = :a", a=action)]


@pytest.fixture
def begun(monkeypatch) -> list[Backups]:
    """The servers that began a backup, instead of their processes. All succeed."""
    servers: list[Backups] = []

    def run(self: Backups, renew: object = None) -> bool:
        servers.append(self)
        return True

    monkeypatch.setattr(Backups, "_run", run)
    return servers


def test_the_nightly_backup_is_made_at_its_time_and_verified(site, folder):
    """The process has the clock of the machine."""
    at = datetime.now(ZoneInfo("Asia/Dhaka")).replace(second=0, microsecond=0)
    site.settings["BACKUP_AT"] = f"{at:%H:%M}"
    site.restart()
    site.time.go_to(f"{at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S%z}")
    site.register()
    before = site.contents()
    tick(site)
    assert ended(site).files == []  # the first one is made at the next BACKUP_AT
    site.time.go_to(datetime.now(ZoneInfo("UTC")).isoformat())
    tick(site)
    made = ended(site)
    assert made.verified, made.failed
    assert (made.verified.total, made.failed, made.is_running) == (1, None, False)
    assert {*os.listdir(folder)} == {made.verified.name, LOCK_FILE}
    assert (folder / made.verified.name).stat().st_mode & 0o777 == 0o600
    assert [entry["proven"] for entry in details(site, "ledger.backup")] == [True]
    assert site.contents() == before  # it was restored elsewhere
    tick(site)
    assert [file.name for file in ended(site).files] == [made.verified.name]  # once a day


def test_a_killed_backup_is_a_failure_and_leaves_earlier_backups_as_they_are(site, folder, monkeypatch, caplog):
    """It is stopped as soon as it exists, so that it is killed before it ends."""
    start, earlier = service._start, add_backup(site, hours_ago=24)

    def start_and_stop(given: dict[str, object]) -> int:
        pid = start(given)
        os.kill(pid, signal.SIGSTOP)
        return pid

    monkeypatch.setattr(service, "_start", start_and_stop)
    backups(site).begin(OPERATOR)
    pid = wait_until(lambda: backups(site)._pid, "the process is there")
    assert os.getpriority(os.PRIO_PROCESS, pid) == 1
    assert state(site).is_running
    os.kill(pid, signal.SIGKILL)
    made = wait_until(lambda: (now := ended(site)).failed and now, "the failure is stored, after the process has ended")
    assert "-9" in made.failed.error
    assert made.verified.name == earlier
    assert "backup_failed error=" in caplog.text


def test_the_process_of_a_backup_without_its_claim_is_stopped_and_reaped(site, monkeypatch):
    monkeypatch.setattr(service, "BACKUP_COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    pids = []

    def renew() -> None:
        pids.append(backups(site)._pid)
        raise ClaimLost

    with pytest.raises(ClaimLost):
        backups(site)._run(renew)
    wait_until(lambda: not Path(f"/proc/{pids[0]}").exists(), "the process is gone")


def test_a_day_with_a_failed_backup_is_not_marked_as_done(site, monkeypatch):
    monkeypatch.setattr(service, "BACKUP_COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    tick(site)
    site.time.go_to(AT)
    tick(site)
    ended(site)
    assert site.rows("SELECT day, ended_ms FROM nightly_work WHERE name = 'backups'") == [("2025-12-16", None)]


@pytest.mark.both_kinds
def test_only_one_of_several_servers_begins_the_nightly_backup(site, folder, begun):
    """The servers have separate connections. Afterwards none starts another backup."""
    tick(site)
    site.time.go_to(AT)
    with Site(site.database_url, site.time, BACKUP_DIR=str(folder)) as second:
        servers = (site, second)
        for server in servers:
            state(server)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda server: backups(server).tick(), servers))
        for server in servers:
            ended(server)
            tick(server)
            ended(server)
    assert len(begun) == 1


def test_an_admin_can_begin_a_backup_only_while_no_other_one_runs(site, folder, begun):
    nadia = site_admin(site, "omar")
    with pytest.raises(Forbidden):
        backups(site).begin(nadia._replace(is_admin=False, is_viewer=True))
    with BackupFolder(folder).locked():  # by any worker
        state(site)
        with pytest.raises(BackupUnderWay):
            backups(site).begin(nadia)
    state(site)
    backups(site).begin(nadia)
    wait_until(lambda: begun, "the backup has begun")
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'backup.begin'") == [("Omar",)]
    with Site(site.database_url, site.time) as off, pytest.raises(BackupsOff):
        backups(off).begin(nadia)


def is_possible(site: Site) -> bool:
    state(site)
    return backups(site)._is_possible(backups(site)._day())


def test_a_failed_backup_is_retried_hourly_up_to_three_attempts_a_day(site):
    site.time.go_to(AT)
    assert is_possible(site)
    for attempt in range(3):
        add_failure(site)
        site.time.pass_(milliseconds=FAILURE_PAUSE_MS - 1)
        assert not is_possible(site)
        site.time.pass_(milliseconds=1)
        assert is_possible(site) == (attempt < 2)
    site.time.pass_(days=1)
    assert is_possible(site)
    add_backup(site, hours_ago=-1)  # its clock was wrong
    assert is_possible(site)
    add_backup(site, hours_ago=1)  # an admin's
    assert not is_possible(site)


DUE = {  # the day of the last backup that is due, and when the next one is, in UTC
    "2026-03-29T01:29:59+00:00": ("2026-03-28", "2026-03-29T01:30"),
    # Clocks jump from 02:00 to 03:00 there, so 02:30 does not exist.
    "2026-03-29T01:30:00+00:00": ("2026-03-29", "2026-03-30T00:30"),
    # 02:30 occurs twice: at 00:30 and at 01:30 UTC.
    "2026-10-25T01:30:00+00:00": ("2026-10-25", "2026-10-26T01:30"),
}


def test_a_backup_is_due_once_on_every_local_day(sqlite_database, folder):
    with Site(sqlite_database.url, TIMEZONE="Europe/Berlin", BACKUP_AT="02:30", BACKUP_DIR=str(folder)) as site:
        for now, (day, next_at) in DUE.items():
            site.time.go_to(now)
            assert backups(site)._day() == day
            assert iso(state(site).next_ms) == f"{next_at}:00.000Z"


def test_a_failure_is_emailed_once_until_a_backup_succeeds(site):
    """Admins with a confirmed email receive one email."""
    confirm(site, "nadia")
    site_admin(site, "omar")
    for works, sent_so_far in ((False, 1), (False, 1), (True, 1), (False, 2)):
        if works:
            make(site)
        else:
            add_failure(site)
        assert count(site, "outbox WHERE kind = 'backup_failed' AND email = 'nadia@example.com'") == sent_so_far
        site.time.pass_(hours=2)
    assert count(site, "outbox WHERE kind = 'backup_failed'") == 2


def scraped(site: Site) -> dict[str, float]:
    state(site)
    backups(site).refresh()
    text = site.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
    return {name: float(value) for name, value in re.findall(r"^(koyjabo_backup_\w+) (\S+)$", text, re.MULTILINE)}


def test_the_metrics_have_the_newest_verified_backup_and_all_failures(site, folder):
    assert scraped(site) == {"koyjabo_backup_failures_total": 0}
    add_backup(site, hours_ago=9)
    size = (folder / (name := add_backup(site, hours_ago=3))).stat().st_size
    add_backup(site, ending=UNVERIFIED_ENDING)
    add_failure(site)
    proven_s = BackupFolder(folder)._file(name).made_ms / 1000
    assert scraped(site) == {
        "koyjabo_backup_proven_timestamp_seconds": proven_s,
        "koyjabo_backup_bytes": size,
        "koyjabo_backup_failures_total": 1,
    }


def total_of(change: int) -> Callable[..., backup.Head]:
    head_of = backup._head
    return lambda *about: head_of(*about)._replace(total=head_of(*about).total + change)


def test_a_backup_is_not_verified_if_its_restored_total_differs(site, folder, monkeypatch):
    """It is kept until the next one, with its own ending."""
    site.register()
    earlier = make(site)
    with monkeypatch.context() as wrong:
        wrong.setattr(backup, "_head", total_of(1))
        site.time.pass_(seconds=1)
        with pytest.raises(Unusable, match="has the total 1 of epoch"):
            make(site)
    failed = state(site)
    assert "has the total 1 of epoch" in failed.failed.error
    assert failed.verified.name == earlier
    assert (len(failed.files), failed.files[0].is_verified) == (2, False)
    backups(site).refresh()
    warnings = site.client.get("/readyz").json["warnings"]
    assert warnings == [FAILURE_WARNING]
    site.time.pass_(seconds=1)
    verified = make(site)
    now = state(site)
    assert (now.failed, now.verified.name) == (None, verified)
    assert [name for name in os.listdir(folder) if name.endswith(UNVERIFIED_ENDING)] == []
    backups(site).refresh()
    assert "warnings" not in site.client.get("/readyz").json


def test_a_backup_of_an_inconsistent_ledger_is_not_verified_and_its_recount_is_audited(site):
    site.rows("UPDATE counters SET visits = 7")
    with pytest.raises(Inconsistent, match=r"inconsistent: .*visits is 7"):
        make(site)
    (recounted,) = details(site, "ledger.recounted")
    assert (recounted["agrees"], "seconds" in recounted) == (False, True)


def test_a_full_disk_is_named_and_no_partial_file_is_left(site, folder, monkeypatch):
    def full(connection: object, table: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_queries, "rows", full)
    with pytest.raises(Unusable, match=r"No space left on device\. Free up space there\.$"):
        make(site)
    assert "cannot be written: No space left on device." in state(site).failed.error
    assert os.listdir(folder) == [LOCK_FILE]


def test_a_folder_that_is_not_writable_is_named_before_and_after_a_backup(site, folder, caplog):
    shutil.rmtree(folder)
    folder.touch()
    sentence = f"BACKUP_DIR is '{folder}', which is not writable (File exists): give the user"
    assert state(site).failed.error.startswith(sentence)
    assert backups(site).warning == FAILURE_WARNING
    for _ in range(2):
        backups(site).refresh()
    assert caplog.text.count("backup_impossible") == 1
    with pytest.raises(KoyJaboError):
        make(site)
    folder.unlink()
    assert state(site).failed.error.startswith(sentence)  # until a backup is verified


NOON_MS = 1_795_521_600_000  # noon on 2026-11-24, UTC


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
