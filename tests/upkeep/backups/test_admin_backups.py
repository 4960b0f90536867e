"""Automatic backups on the page Server."""

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.sites.backups import add_backup, add_failure

from koyjabo.upkeep.backups.folder import UNVERIFIED_ENDING


@pytest.fixture
def site(sqlite_database, tmp_path):
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


def section(reader) -> str:
    return reader.get("/admin/server").partition('aria-labelledby="backups-label"')[2].partition("</section>")[0]


def test_the_list_has_the_total_and_the_restore_command_of_each_backup(site, admin, tmp_path):
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


def test_a_viewer_sees_backups_without_paths_commands_and_errors_and_cannot_make_one(site, tmp_path):
    viewer = panel(site, "babul")
    site.rows("UPDATE users SET is_admin = false, is_viewer = true WHERE email = 'babul@example.com'")
    add_backup(site)
    add_failure(site, "No space is left <b>.")
    page = section(viewer)
    assert "Verified" in page
    assert "Failed 16 Dec 2025, 10:48" in words(page)
    for hidden in (str(tmp_path), "No space", "koyjabo restore", "Back up now"):
        assert hidden not in page
    viewer.send("/admin/server/backups", 403)
