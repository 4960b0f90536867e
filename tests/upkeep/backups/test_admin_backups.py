"""Automatic backups on the Data page."""

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.sites.backup_files import add_backup, add_failure

from koyjabo.upkeep.backups.folder import UNVERIFIED_ENDING, BackupFolder


@pytest.fixture
def site(sqlite_database, tmp_path):
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def section(reader) -> str:
    return reader.get("/admin/data").partition('aria-labelledby="backups-label"')[2].partition("</section>")[0]


def test_list_shows_each_backup_with_its_total_and_restore_command(site, admin, tmp_path):
    assert "No backup has been made yet." in words(section(admin))
    older, newest = add_backup(site, hours_ago=25, total=22_000), add_backup(site, hours_ago=2)
    unverified = add_backup(site, hours_ago=1, ending=UNVERIFIED_ENDING)
    damaged = add_backup(site)
    (tmp_path / damaged).write_bytes(b"")
    page = section(admin)
    for name, time, total in ((newest, "16 Dec 2025, 08:48", "22,121"), (older, "15 Dec 2025, 09:48", "22,000")):
        size = (tmp_path / name).stat().st_size
        assert f"{time} {size} bytes {total} Verified {name} Restore" in words(page)
        assert f"koyjabo restore --force {tmp_path}/{name}" in page
    assert f"22,121 Not verified {unverified}" in words(page)
    assert f"0 bytes – Damaged {damaged}" in words(page)
    assert page.count('<details class="restore"') == 2
    assert f"Folder {tmp_path}" in words(page)
    assert "The next one begins on 17 Dec 2025, 03:30" in words(page)


def test_failure_is_shown_with_its_reason_until_a_backup_is_verified(site, admin):
    add_failure(site, "No space is left <b>.")
    page = section(admin)
    assert "Failed 16 Dec 2025, 10:48 : No space is left <b>." in words(page)
    assert "A failed nightly backup is tried again" in page
    assert "<b>" not in page


def test_running_backup_is_shown_and_no_other_begins(site, admin, tmp_path):
    with BackupFolder(tmp_path).locked():
        section(admin)
        assert "A backup is being made." in words(section(admin))
        admin.send("/admin/data/backups")
        assert "A backup is already running." in admin.get(admin.location)


def test_older_backups_open(site, admin):
    for hours in range(12):
        add_backup(site, hours_ago=hours)
    listed, _, opened = section(admin).partition("<details><summary>Older")
    assert (listed.count("Verified</span>"), opened.count("Verified</span>")) == (10, 2)
    assert "backups: 2" in opened


def test_page_without_a_folder_leads_to_its_form(sqlite_database):
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
    assert "Verified" in page
    assert "Failed 16 Dec 2025, 10:48" in words(page)
    for hidden in (str(tmp_path), "/backups", "koyjabo restore", "Back up now"):
        assert hidden not in page
    viewer.send("/admin/data/backups", 403)
