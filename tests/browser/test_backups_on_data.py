"""Backups on the Data page: an admin watches one being made and verified, also on a narrow phone."""

import pytest
from support.browser.pages import check_accessible, expect, visit
from support.programs.patience import BEHIND_S

pytestmark = pytest.mark.long(
    proved_by="upkeep/backups/test_admin_backups.py::test_running_backup_is_shown_with_its_step_and_progress"
)

LONG = "https://objects.example.com/a-bucket-with-a-very-long-name/and-a-prefix-that-has-no-space-in-it" * 3
FAILURE = (
    "INSERT INTO backups (name, begun_by, worker, begun_ms, seen_ms, ended_ms, state, step, done, goal, bytes, error) "
    f"VALUES ('{{name}}', '{'n' * 90}', 'a', 1790524800000, 1790524800000, 1790524899000, 'failed', 'sending', 1, 2, "
    f"123456789, '{LONG}')"
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
    expect(admin_tab.get_by_role("progressbar", name="Backup")).to_be_visible()
    expect(admin_tab.locator("#backups")).to_contain_text("Verified: the total is 4,000", timeout=BEHIND_S * 1000)
    expect(admin_tab.get_by_role("progressbar", name="Backup")).to_have_count(0)
    expect(admin_tab.locator("#backups")).to_contain_text("koyjabo restore --force /")
    check_accessible(admin_tab)


@pytest.mark.parametrize("locale", ["bn-BD", "en-GB"])
def test_long_names_and_reasons_do_not_scroll_sideways(new_device, session, site, locale):
    site.database.rows(FAILURE.format(name=f"{'x' * 50}-{locale}"))
    page = new_device(**NARROW, locale=locale, storage_state=session).open("/admin/data")
    expect(page.locator("#backups")).to_contain_text(LONG)
    assert page.evaluate(OVER) == 0
