"""Backups restore exactly what was there, on either kind of database, or change nothing."""

import gzip

import pytest
from support.application.site import Site, everything
from support.people.accounts import sign_up
from support.sites.backups import back_up, restore

from koyjabo.base.core.errors import Unusable
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.community_people import Reports
from koyjabo.upkeep.backups import backup_queries

NEW = {"epoch", "revision", "revoked_ms", "version"}  # columns with new values after a restore


def test_a_restore_removes_invitations_waiting_emails_and_the_links_in_emails(full, empty, tmp_path):
    columns = "id, email, email_key, role, invited_by, created_ms, expires_ms"
    values = "users.id, 'rani@example.com', 'rani@example.com', 'admin', users.id, 1, 9"
    full.rows(f"INSERT INTO panel_invitations ({columns}) SELECT {values} FROM users LIMIT 1")
    to_community = f"SELECT communities.id, {values} FROM communities, users LIMIT 1"
    full.rows(f"INSERT INTO invitations (community_id, {columns}) {to_community}")
    row = "'reset', 'ayesha@example.com', 'x', '{}', 1, 1, 0"
    full.rows(f"INSERT INTO outbox (kind, email, recipient, data, created_ms, due_ms, attempts) VALUES ({row})")
    full.rows("INSERT INTO email_links SELECT id, id, 'reset', email_key, 9 FROM users")
    restore(empty, back_up(full, tmp_path / "koyjabo.backup"))
    rows = everything(empty)
    assert rows["users"]
    assert [rows[table] for table in ("invitations", "panel_invitations", "outbox", "email_links")] == [[]] * 4


def kept(site: Site) -> dict[str, list[dict]]:
    """All rows, except those that a restore adds: new ones, and audit log entries about backups and restores."""
    tables = everything(site)
    tables["adjustments"] = [row for row in tables["adjustments"] if not row["reason"].startswith("restored")]
    for table in ("day_secrets", "month_secrets", "database_identity", "clock_states", "refiled_rows"):
        tables.pop(table)  # not part of a backup
    tables["watermarks"] = [row for row in tables["watermarks"] if row["name"] != "changes"]
    tables["audit_log"] = [
        row for row in tables["audit_log"] if row["action"] not in ("ledger.backup", "ledger.restore")
    ]
    return {table: [{k: v for k, v in row.items() if k not in NEW} for row in rows] for table, rows in tables.items()}


def backups(site: Site) -> int:
    """How many backups the audit log contains."""
    return sum(row["action"] == "ledger.backup" for row in everything(site)["audit_log"])


@pytest.mark.parametrize(
    ("module_database_kind", "target"), [("sqlite", "postgres"), ("postgres", "sqlite")], indirect=True
)
def test_every_table_is_restored_on_another_kind_of_database_in_a_new_epoch(full, target, tmp_path):
    full.rows("UPDATE communities SET ref = 'mirpur'")
    full.services[AccountServices].external.find_or_make({"4711": "Zarina"})
    before, access = target.stats(), [everything(site)["access_version"][0]["version"] for site in (target, full)]
    head = restore(target, back_up(full, tmp_path / "koyjabo.backup"))
    assert kept(target) == {**kept(full), "invitations": [], "panel_invitations": []}
    earlier = backups(full) - 1  # their entries are in this backup
    assert backups(target) == earlier
    rows = {table: len(rows) for table, rows in kept(full).items()}
    assert head.rows == {**rows, "audit_log": rows["audit_log"] + earlier}
    assert target.recount() == []
    after, restored = target.stats(), everything(target)
    assert after["totalVisits"] == full.stats()["totalVisits"] == head.total
    assert int(after["epoch"], 36) > max(int(before["epoch"], 36), int(full.stats()["epoch"], 36))
    assert after["revision"] > before["revision"]
    (note,) = [row for row in restored["adjustments"] if row["reason"].startswith("restored a backup of 20")]
    assert note["total_before"] == note["total_after"] == after["totalVisits"]
    assert (restored["audit_log"][-1]["action"], restored["audit_log"][-1]["actor_id"]) == ("ledger.restore", None)
    assert restored["sessions"]
    assert all(row["revoked_ms"] for row in restored["sessions"])
    assert restored["access_version"][0]["version"] > max(access)
    assert target.register("somebody").ordinal == after["totalVisits"] + 1
    assert target.register("v1", visitId="visit-8").duplicate
    target.register("v1", visitId="by-ref", communityId="mirpur")
    target.set_total(20_000)  # new keys continue after the backup's
    target.services[Reports].attend(restored["communities"][0]["id"], ["u"], target.time())
    assert target.recount() == []


@pytest.mark.parametrize("of_backup", [False, True])
def test_a_restore_raises_epoch_and_revision_even_if_the_clock_was_set_back(full, empty, tmp_path, of_backup):
    """They must exceed the backup's and the replaced database's: servers and pages drop older values."""
    sites = (full, empty)
    ahead = sites[not of_backup]
    ahead.time.put_right(days=400)
    for site in sites:
        site.set_total(9500, new_epoch=True)
    before = max(site.rows("SELECT epoch, revision FROM counters WHERE scope = 'site'")[0] for site in sites)
    ahead.time.put_right(days=-400)
    restore(empty, back_up(full, tmp_path / "koyjabo.backup"))
    for epoch, revision in empty.rows("SELECT epoch, revision FROM counters"):
        assert (epoch > before[0], revision > before[1]) == (True, True)


USES = {"a visit": lambda site: site.register(), "a user": lambda site: sign_up(site, "ayesha")}
"""Each is enough by itself."""


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_restore_into_a_database_in_use_needs_force(file, empty, use):
    use(empty)
    before = everything(empty)
    with pytest.raises(Unusable, match="already contains data"):
        restore(empty, file)
    assert everything(empty) == before
    restore(empty, file, force=True)
    assert empty.recount() == []


def test_a_backup_is_readable_only_by_its_owner_and_replaces_files_only_with_force(full, tmp_path):
    path = tmp_path / "there"
    path.write_text("precious")
    with pytest.raises(Unusable, match="--force"):
        back_up(full, path)
    assert path.read_text() == "precious"
    back_up(full, path, force=True)
    assert path.stat().st_mode & 0o777 == 0o600  # only its owner may read it
    assert gzip.decompress(path.read_bytes()).startswith(b'{"koyjabo_backup"')


@pytest.mark.both_kinds
def test_a_backup_has_all_rows_as_of_one_moment(full, empty, tmp_path, monkeypatch):
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
