"""Automatic backups on the Data page."""

import shlex
from collections import Counter
from functools import partial

import pytest
from support.application.site import Site
from support.clients.forms import answer
from support.people.admins import panel
from support.people.page_readers import words
from support.sites.backup_rows import add_backup, add_failure, add_running

from koyjabo.base.core.errors import BackupUnderWay, LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.backup_stores import s3_url
from koyjabo.base.settings.schema import Settings
from koyjabo.upkeep.backups import backup_file
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.backups.stores import restore_argument

BUCKET = "s3://trip-backups/live?endpoint=https://s3.example.com&region=eu-1"


@pytest.fixture
def site(sqlite_database, tmp_path):
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def section(reader) -> str:
    return reader.get("/admin/data").partition('aria-labelledby="backups-label"')[2].partition("</section>")[0]


def test_list_shows_the_result_and_restore_command_of_each_backup(site, admin, tmp_path):
    assert "No backup has been made yet." in words(section(admin))
    older = add_backup(site, hours_ago=25, total=22_000, restored_total=22_000)
    newest = add_backup(site, hours_ago=2, begun_by="Rani <b>")
    failed = add_failure(site, hours_ago=1)
    page = section(admin)
    assert "A failed nightly backup is tried again" in page
    assert f"16 Dec 2025, 08:47 Verified: the total is 22,121 {newest} Restore" in words(page)
    assert "3.4 MB 42 seconds Rani <b>" in words(page)
    assert f"Verified: the total is 22,000 {older} Restore" in words(page)
    assert "3.4 MB 42 seconds Every night" in words(page)
    assert f"Failed Copying it into the folder: No space is left on /backups. {failed} – 42 seconds" in words(page)
    for name in (newest, older):
        assert f"koyjabo restore --force {tmp_path}/{name}" in page
    assert "<b>" not in page
    assert "The next one begins on 17 Dec 2025, 03:30" in words(page)


def test_list_shows_the_visits_that_a_restore_would_lose(site, admin):
    for visitor in ("ayesha", "babul", "karim"):
        site.register(visitor)
    ((epoch,),) = site.rows("SELECT epoch FROM counters WHERE scope = 'site'")
    for total in (1, 2):
        add_backup(site, total=total, restored_total=total, epoch=epoch, name=f"koyjabo-{total}")
    add_backup(site, total=1, restored_total=1, epoch=epoch - 1)
    page = words(section(admin))
    assert "Lost: 2 visits since then. The total becomes 1. Restoring also discards accounts, communities" in page
    assert "Lost: 1 visit since then. The total becomes 2." in page
    assert "A new count has started since then. The total becomes 1." in page


def test_admin_downloads_a_backup_after_confirming_its_contents(database, tmp_path):
    with Site(database.url) as site:
        site.register("ayesha")
        admin = panel(site)
        asked = admin.send("/admin/data/backups/download", 200)
        assert 'class="danger"' not in asked, "it destroys nothing"
        assert "password hashes" in words(asked)
        form = answer(asked)
        sent = admin.client.post(form.action, data=form.fields)
        assert sent.headers["Content-Disposition"].startswith('attachment; filename="koyjabo-')
        file = tmp_path / "downloaded"
        file.write_bytes(sent.data)
        assert backup_file.head(file).total == 1
        rows = Counter(piece.table for piece in backup_file.pieces(file) for _ in piece.rows)
        assert rows["visits"] == rows["users"] == 1
        assert [row[0] for row in site.rows("SELECT action FROM audit_log ORDER BY id DESC LIMIT 2")] == [
            "ledger.backup",
            "backup.download",
        ]
        assert f"The last one was made on {'16 Dec 2025'}" in words(section(admin))
        site.rows("UPDATE users SET is_admin = false, is_viewer = true")
        assert "Download a backup" not in section(admin)
        admin.send(form.action, 403, **form.fields)


@pytest.mark.long(
    proved_by="upkeep/backups/test_admin_backups.py::test_admin_downloads_a_backup_after_confirming_its_contents"
)
def test_incomplete_download_ends_with_an_error(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        pieces = site.services[Backups].download(OPERATOR)
        assert next(pieces) == b""
        site.services[Backups].close()
        with pytest.raises(LedgerUnavailable):
            list(pieces)
        assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.backup'") == [(0,)]
        assert "No backup yet." in words(section(admin))


def test_two_downloads_at_once_both_arrive_and_a_third_waits(sqlite_database, tmp_path):
    with Site(sqlite_database.url) as site:
        site.register("ayesha")
        download = partial(site.services[Backups].download, OPERATOR)
        first, second = download(), download()
        sent = {}
        for pieces in (first, second):
            sent[pieces] = next(pieces)
        with pytest.raises(BackupUnderWay):
            download()
        for pieces in (second, first):
            sent[pieces] += b"".join(pieces)
        for name, data in enumerate(sent.values()):
            file = tmp_path / str(name)
            file.write_bytes(data)
            assert backup_file.head(file).total == 1
            assert list(backup_file.pieces(file))


def test_running_backup_is_shown_with_its_step_and_progress(site, admin):
    add_running(site)
    admin.send("/admin/data/backups")
    assert "A backup is already running. This page shows its progress." in admin.get(admin.location)
    page = section(admin)
    assert "No backup has been made yet." not in words(page)
    assert "Restoring it 45%, since 16 Dec 2025, 10:47" in words(page)
    assert '<progress value="9000" max="20000"' in page
    site.rows("UPDATE backups SET goal = 0, step = 'a newer one'")
    assert "a newer one since" in words(section(admin))


def test_older_backups_open(site, admin):
    for hours in range(12):
        add_backup(site, hours_ago=hours)
    listed, _, opened = section(admin).partition("<details>")
    assert (listed.count("Verified: the total is 22,121"), opened.count("Verified: the total is 22,121")) == (10, 2)
    assert "Older backups: 2" in opened


def test_page_names_the_bucket_by_host_and_whole_in_the_command(sqlite_database):
    with Site(sqlite_database.url, BACKUP_TO=BUCKET) as site:
        name = add_backup(site)
        page = section(panel(site))
        assert "Bucket s3://trip-backups/live (s3.example.com)" in words(page)
        url = f"s3://trip-backups/live/{name}?endpoint=https://s3.example.com&amp;region=eu-1"
        assert f"koyjabo restore --force &#39;{url}&#39;" in page
        (argument,) = shlex.split(restore_argument(site.services[Settings], name))
        source, target = s3_url(argument), s3_url(BUCKET)
        assert source == target._replace(path=f"{target.path}/{name}")


def test_page_without_a_store_leads_to_its_form(sqlite_database):
    with Site(sqlite_database.url) as site:
        admin = panel(site)
        page = section(admin)
        assert 'href="/admin/server?edit=backups#backups"' in page
        assert "Back up now" not in page
        assert "set BACKUP_DIR" in admin.send("/admin/data/backups", 409)


def test_viewers_see_backups_without_paths_commands_or_errors_and_cannot_make_one(site, tmp_path):
    viewer = panel(site, "babul")
    site.rows("UPDATE users SET is_admin = false, is_viewer = true WHERE email = 'babul@example.com'")
    add_backup(site)
    add_failure(site)
    page = section(viewer)
    assert "Verified: the total is 22,121" in page
    assert "Failed Copying it into the folder" in words(page)
    for hidden in (str(tmp_path), "/backups", "koyjabo restore", "Back up now"):
        assert hidden not in page
    viewer.send("/admin/data/backups", 403)
