"""Backups on the Data page: an admin watches one being made and verified, also on a narrow phone."""

import pytest
from support.browser.pages import check_accessible, expect, visit
from support.programs.patience import BEHIND_S

pytestmark = pytest.mark.long(
    proved_by="upkeep/backups/test_admin_backups.py::test_the_list_has_the_total_and_the_restore_command_of_each_backup"
)

LONG = "https://objects.example.com/a-folder-with-a-very-long-name/and-a-prefix-that-has-no-space-in-it" * 2
FAILURE = (
    "INSERT INTO audit_log (at_ms, actor, action, target_kind, target_id, target, details, place) "
    f"VALUES (1790524800000, '', 'backup.failed', 'ledger', 'site', '', '{{\"error\": \"{LONG}\"}}', '')"
)
NARROW = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(new_site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a-folder-with-a-name-that-is-too-long-for-the-screen-of-a-phone")
    return new_site(BACKUP_DIR=str(folder))


def test_admin_watches_a_backup_until_it_is_verified(admin_tab):
    visit(admin_tab, "/admin/data")
    admin_tab.get_by_role("button", name="Back up now").click()
    expect(admin_tab.locator("#backup")).to_contain_text("A backup is being made.")
    expect(admin_tab.locator("#backups")).to_contain_text("Verified", timeout=BEHIND_S * 1000)
    expect(admin_tab.locator("#backups")).to_contain_text("4,000")
    expect(admin_tab.locator("#backup")).not_to_contain_text("A backup is being made.", timeout=BEHIND_S * 1000)
    expect(admin_tab.locator("#backups")).to_contain_text("koyjabo restore --force /")
    admin_tab.get_by_text("Restore", exact=True).click()
    assert admin_tab.evaluate(OVER) <= 0
    check_accessible(admin_tab)


@pytest.mark.parametrize("locale", ["bn-BD", "en-GB"])
def test_long_names_and_reasons_do_not_scroll_sideways(new_device, session, site, locale):
    site.database.rows(FAILURE)
    page = new_device(**NARROW, locale=locale, storage_state=session).open("/admin/data")
    expect(page.locator("#backup")).to_contain_text(LONG)
    assert page.evaluate(OVER) == 0
