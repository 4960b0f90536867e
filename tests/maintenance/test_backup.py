"""Backups: what comes back is what there was, on either kind of database, or nothing is changed."""

from __future__ import annotations

import gzip
import os

import pytest
from support.app_fixtures import Site
from support.archive_world import everything, in_context
from support.backups import back_up, restore

from koyjabo.extensions import db
from koyjabo.maintenance import backup_queries
from koyjabo.maintenance.backup import TargetInUse
from koyjabo.maintenance.backup_file import UnusableBackup
from koyjabo.visit_log.import_queries import only_one

NEW = {"epoch", "revision", "revoked_ms", "version"}
"""What a restored database has of its own."""


def test_restored_database_has_no_waiting_mails_and_no_links_of_mails(module_database, full, empty, tmp_path):
    row = "'reset', 'ayesha@example.com', 'x', '{}', 1, 1, 0"
    full.rows(f"INSERT INTO outbox (kind, email, recipient, data, created_ms, due_ms, attempts) VALUES ({row})")
    full.rows("INSERT INTO email_links SELECT id, id, 'reset', email_key, 9 FROM users")
    path = back_up(full, tmp_path / "koyjabo.backup")
    full.rows("DELETE FROM outbox")
    full.rows("DELETE FROM email_links")
    restore(empty, path)
    assert (empty.rows("SELECT * FROM outbox"), empty.rows("SELECT * FROM email_links")) == ([], [])


def kept(site: Site) -> dict[str, list[dict]]:
    """All there is but for what is new in a restored database, and the rows that tell of backup and restore."""
    found = everything(site)
    found["adjustments"] = [row for row in found["adjustments"] if not row["reason"].startswith("restored")]
    found.pop("day_secrets")  # in no backup
    for row in found["watermarks"]:
        row["upto"] *= row["name"] != "changes"
    found["audit_log"] = [row for row in found["audit_log"] if row["action"] not in ("ledger.backup", "ledger.restore")]
    return {table: [{k: v for k, v in row.items() if k not in NEW} for row in rows] for table, rows in found.items()}


def backups(site: Site) -> int:
    """How many the audit log tells of."""
    return sum(row["action"] == "ledger.backup" for row in everything(site)["audit_log"])


@pytest.mark.both_kinds
def test_every_table_comes_back_on_either_kind_of_database(full, file, target):
    head = restore(target, file)
    assert kept(target) == kept(full)
    earlier = backups(full) - 1  # whose lines are in this one
    assert backups(target) == earlier
    rows = {table: len(rows) for table, rows in kept(full).items()}
    assert head.rows == {**rows, "audit_log": rows["audit_log"] + earlier}
    assert target.recount() == []
    assert target.stats()["totalVisits"] == full.stats()["totalVisits"] == head.total


@pytest.mark.both_kinds
def test_restored_database_goes_on_in_a_new_epoch(full, file, target):
    before = target.stats()
    restore(target, file)
    after = target.stats()
    assert int(after["epoch"], 36) > max(int(before["epoch"], 36), int(full.stats()["epoch"], 36))
    assert after["revision"] > before["revision"]
    (note,) = [row for row in everything(target)["adjustments"] if row["reason"].startswith("restored a backup of 20")]
    assert note["total_before"] == note["total_after"] == after["totalVisits"]
    assert target.register("somebody").ordinal == after["totalVisits"] + 1
    assert target.register("v1", visitId="visit-8").duplicate
    target.set_total(20_000)  # keys are handed out where those of the backup end
    target.services.analytics.reports.attend(everything(target)["communities"][0]["id"], ["u"], target.time())
    assert target.recount() == []


def test_no_user_is_logged_in_after_a_restore(full, file, target):
    before = everything(target)["access_version"][0]["version"], everything(full)["access_version"][0]["version"]
    restore(target, file)
    found = everything(target)
    assert found["sessions"]
    assert all(row["revoked_ms"] for row in found["sessions"])
    assert found["access_version"][0]["version"] > max(before)


def test_restore_leaves_a_line_in_the_audit_log(file, empty):
    restore(empty, file)
    line = everything(empty)["audit_log"][-1]
    assert (line["action"], line["actor_id"]) == ("ledger.restore", None)


USES = {
    "a visit": lambda site: site.register(),
    "a user": lambda site: site.post(
        "/api/auth/signup", json={"email": "a@example.com", "password": "ferry at noon", "name": "A"}
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_database_in_use_is_refused_unless_told_otherwise(file, empty, use):
    use(empty)
    before = everything(empty)
    with pytest.raises(TargetInUse, match="--force"):
        restore(empty, file)
    assert everything(empty) == before
    restore(empty, file, force=True)
    assert empty.recount() == []


def test_restore_waits_for_no_import(file, target):
    """Its second half would come into what was restored, without the first."""
    with in_context(target), only_one(db.engine.url), pytest.raises(TargetInUse, match="An import"):
        restore(target, file)
    assert restore(target, file).total == target.stats()["totalVisits"]


def test_backup_replaces_no_file_unless_told_so(full, file, tmp_path):
    path = tmp_path / "there"
    path.write_text("precious")
    with pytest.raises(TargetInUse, match="--force"):
        back_up(full, path)
    assert path.read_text() == "precious"
    back_up(full, path, force=True)
    assert gzip.decompress(path.read_bytes()).startswith(b'{"koyjabo_backup"')


def test_only_its_owner_may_read_a_backup(file):
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_backup_that_fails_leaves_no_file(full, tmp_path, monkeypatch):
    def broken(connection, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_queries, "rows", broken)
    with pytest.raises(UnusableBackup, match="No space left"):
        back_up(full, tmp_path / "koyjabo.backup")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.both_kinds
def test_backup_is_as_of_one_moment(full, empty, tmp_path, monkeypatch):
    rows, written = backup_queries.rows, []

    def slowly(connection, table):
        full.register("meanwhile")
        written.append(table)
        return rows(connection, table)

    before = full.stats()["totalVisits"]
    monkeypatch.setattr(backup_queries, "rows", slowly)
    head = restore(empty, back_up(full, tmp_path / "koyjabo.backup"))
    assert head.total == empty.stats()["totalVisits"] == before
    assert full.stats()["totalVisits"] == before + len(written)
