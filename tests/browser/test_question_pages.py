"""Damage is hard to do by accident, in a browser: wide in English, narrow in Bangla."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.members import Member, promote
from support.pages import check_accessible, expect, open_as, visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 360, "height": 780}


def title(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def ask_for_a_lower_total(page: Page) -> None:
    page.get_by_label("Total", exact=True).fill("100")
    page.get_by_label("Reason").fill("counted twice")
    page.get_by_label("Allow a lower total").check()
    page.get_by_role("button", name="Change the total").click()
    expect(title(page)).to_have_text("Change the total to 100?")


def test_total_is_lowered_by_one_who_has_read_and_typed_it(site, new_device):
    boss = Member(site, "boss")
    promote(site, boss)
    page = open_as(new_device(viewport=WIDE), boss, "/admin/data")
    ask_for_a_lower_total(page)
    expect(page.locator(".facts dd")).to_have_text(["4,000", "100", "-3,900"])
    check_accessible(page)
    page.get_by_role("link", name="Cancel").click()
    expect(page).to_have_url(re.compile("/admin/data$"))
    assert site.stats().total == 4000
    ask_for_a_lower_total(page)
    for typed, after in (("1000", 4000), ("100", 100)):
        page.get_by_label("To confirm, type: 100").fill(typed)
        page.get_by_role("button", name="Change the total").click()
        if after == 4000:
            expect(page.get_by_label("To confirm, type: 100")).to_have_accessible_description("does not match")
        else:
            expect(page.get_by_text("The total was changed.")).to_be_visible()
        assert site.stats().total == after


def test_member_is_removed_by_one_who_has_read_whom_and_a_refused_form_is_kept(site, new_device, founder, karim):
    community = founder.found("মিরপুর ১০")
    karim.join(community)
    page = open_as(new_device(locale="bn-BD", viewport=NARROW), founder, f"/communities/{community}/members")
    remove = page.get_by_role("button", name="karim-কে বাদ দিন")
    for answer in (page.get_by_role("link", name="বাতিল"), page.get_by_role("button", name="বাদ দিন", exact=True)):
        page.locator("summary", has=page.locator("use[href$=ellipsis]")).last.click()
        remove.click()
        expect(title(page)).to_have_text("karim-কে মিরপুর ১০ থেকে বাদ দেবেন?")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert karim.id in str(founder.call("GET", f"/api/communities/{community}/members"))
        answer.click()
        expect(page).to_have_url(re.compile("/members"))
    expect(remove).to_have_count(0)
    assert karim.id not in str(founder.call("GET", f"/api/communities/{community}/members"))

    visit(page, "/communities/new")
    page.locator("#name").fill("বনানী")
    page.locator("#description").fill("বাসে ও নৌকায়")
    with site.database.locked():
        page.get_by_role("button", name="তৈরি করুন").click()
        expect(title(page)).to_have_text("আবার চেষ্টা করুন")
    expect(page.locator("#name")).to_have_value("বনানী")
    expect(page.locator("#description")).to_have_value("বাসে ও নৌকায়")
    page.get_by_role("button", name="আবার চেষ্টা করুন").click()
    expect(title(page)).to_have_text("বনানী")
