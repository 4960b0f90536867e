"""Backups: what comes back is what there was, on either kind of database, or nothing is changed."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from support.app_fixtures import Site
from support.archive_world import everything, fill, in_context, quiet

from koyjabo.extensions import db
from koyjabo.maintenance import backup, backup_queries
from koyjabo.maintenance.backup import TargetInUse
from koyjabo.maintenance.backup_file import Head, UnusableBackup
from koyjabo.visit_log.import_queries import only_one

pytestmark = pytest.mark.both_kinds

OTHER = {"sqlite": "postgres", "postgres": "sqlite"}
NEW = {"epoch", "revision", "revoked_ms", "version"}
"""What a restored database has of its own."""


@pytest.fixture(scope="module")
def full(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        fill(site)
        yield site


@pytest.fixture(scope="module")
def file(full, tmp_path_factory) -> Path:
    return back_up(full, tmp_path_factory.mktemp("backups") / "koyjabo.backup")


@pytest.fixture
def empty(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def back_up(site: Site, path: Path, force: bool = False) -> Path:
    with in_context(site):
        backup.back_up(path, force, site.services.clock, quiet)
    return path


def restore(site: Site, path: Path, force: bool = False) -> Head:
    with in_context(site):
        return backup.restore(path, force, site.services.clock, quiet)


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
    """All there is but for what is new in a restored database, and the two rows that tell of it."""
    found = everything(site)
    found["adjustments"] = [row for row in found["adjustments"] if not row["reason"].startswith("restored")]
    found.pop("day_secrets")  # in no backup
    found["audit_log"] = [row for row in found["audit_log"] if row["action"] != "ledger.restore"]
    return {table: [{k: v for k, v in row.items() if k not in NEW} for row in rows] for table, rows in found.items()}


@pytest.fixture(params=["sqlite", "postgres"])
def target(request, tmp_path, postgres):
    """A new database of either kind: from each, and into each."""
    url = f"sqlite:///{tmp_path / 'target.db'}" if request.param == "sqlite" else postgres.new_database().url
    with Site(url, ADMIN_EMAIL="first@example.com", ADMIN_PASSWORD="ferry at noon") as site:
        yield site


def test_every_table_comes_back_on_either_kind_of_database(full, file, target):
    head = restore(target, file)
    assert kept(target) == kept(full)
    assert head.rows == {table: len(rows) for table, rows in kept(full).items()}
    assert target.recount() == []
    assert target.stats()["totalVisits"] == full.stats()["totalVisits"] == head.total


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


def test_nobody_is_logged_in_after_a_restore(full, file, target):
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


def lines_of(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)


def rewritten(file: Path, lines: list[bytes]) -> None:
    file.write_bytes(gzip.compress(b"".join(lines)))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def cut_between_lines(file: Path) -> None:
    rewritten(file, lines_of(file)[:-1])


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def change_a_number(file: Path) -> None:
    rewritten(file, [line.replace(b"Dhaka", b"Dhakb") for line in lines_of(file)])


def drop_a_row(file: Path) -> None:
    lines = lines_of(file)
    rewritten(file, [line for line in lines if b"visit-8" not in line])


def add_something(file: Path) -> None:
    rewritten(file, [*lines_of(file), b"[]\n"])


def be_newer(file: Path) -> None:
    lines = lines_of(file)
    rewritten(file, [json.dumps({**json.loads(lines[0]), "schema": "9999"}).encode() + b"\n", *lines[1:]])


def be_of_a_newer_format(file: Path) -> None:
    lines = lines_of(file)
    rewritten(file, [lines[0].replace(b'"koyjabo_backup":1', b'"koyjabo_backup":2'), *lines[1:]])


def be_something_else(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + bytes(100))


BROKEN = {
    "cut off": cut,
    "changed since": change_a_number,
    "end is missing": cut_between_lines,
    "damaged": flip_a_bit,
    "do not match its end": drop_a_row,
    "changed since it was made": add_something,
    "newer version of this program.*9999": be_newer,
    "newer version": be_of_a_newer_format,
    "not a backup of this program": be_something_else,
    "No such file": Path.unlink,
}


@pytest.mark.parametrize("sentence", BROKEN)
@pytest.mark.parametrize("module_database_kind", ["sqlite"], indirect=True)
def test_broken_file_is_refused_and_nothing_changed(file, empty, tmp_path, sentence):
    broken = tmp_path / "broken"
    broken.write_bytes(file.read_bytes())
    BROKEN[sentence](broken)
    before = everything(empty)
    with pytest.raises(UnusableBackup, match=sentence):
        restore(empty, broken, force=True)
    assert everything(empty) == before


def sealed(lines: list[bytes]) -> bytes:
    """With an end that fits: as a program that made such a backup would have written it."""
    import hashlib

    end = json.loads(lines[-1])
    end["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return gzip.compress(b"".join(lines[:-1]) + json.dumps(end).encode())


def without_bots(lines: list[bytes]) -> list[bytes]:
    """As of before visits had `is_bot`, which is their last column."""
    made, inside = [], False
    for line in lines:
        said = json.loads(line)
        if isinstance(said, dict):
            inside = said.get("table") == "visits"
            said = {**said, "columns": said["columns"][:-1]} if inside else said
        elif inside:
            said = said[:-1]
        made.append(json.dumps(said).encode() + b"\n")
    return made


def test_backup_of_an_older_version_is_restored_with_what_is_new_as_it_would_have_been(file, empty, tmp_path):
    old = tmp_path / "old"
    old.write_bytes(sealed(without_bots(lines_of(file))))
    restore(empty, old)
    assert {row["is_bot"] for row in everything(empty)["visits"]} == {False}


def test_backup_whose_columns_are_none_of_ours_is_refused(file, empty, tmp_path):
    strange = tmp_path / "strange"
    strange.write_bytes(sealed([line.replace(b'"client_ms"', b'"shoe_size"') for line in lines_of(file)]))
    with pytest.raises(UnusableBackup, match="table visits"):
        restore(empty, strange)


def test_backup_of_a_ledger_that_does_not_agree_changes_nothing(file, target, tmp_path):
    wrong = tmp_path / "wrong"
    lines = lines_of(file)
    where = next(n for n, line in enumerate(lines) if b'"table":"counters"' in line)
    lines[where + 1 : where + 3] = [
        json.dumps([*json.loads(line)[:2], 10**6, *json.loads(line)[3:]]).encode() + b"\n"
        for line in lines[where + 1 : where + 3]
    ]
    wrong.write_bytes(sealed(lines))
    before = everything(target)
    with pytest.raises(UnusableBackup, match="is inconsistent"):
        restore(target, wrong)
    assert everything(target) == before
    target.register()  # keys and locks are as before
    target.set_total(5)


def test_backup_that_fails_leaves_no_file(full, tmp_path, monkeypatch):
    def broken(connection, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup_queries, "rows", broken)
    with pytest.raises(UnusableBackup, match="No space left"):
        back_up(full, tmp_path / "koyjabo.backup")
    assert list(tmp_path.iterdir()) == []


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
