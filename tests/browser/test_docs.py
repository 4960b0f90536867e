"""The page of the API's calls."""

from support.browser.pages import PHONE, expect, visit


def test_call_is_opened_by_its_address_and_found_by_a_word(page):
    visit(page, "/docs/try#/visits/api_stats")
    call = page.get_by_role("article", name="Get the site's current stats")
    expect(call.get_by_role("heading").first).to_be_in_viewport()
    expect(call).to_contain_text("totalVisitors")
    field = page.get_by_role("searchbox", name="Search the calls")
    field.fill("passkey remove")
    expect(page.get_by_role("status").filter(has_text="1 result")).to_be_attached()
    expect(page.get_by_role("article", name="Remove a passkey")).to_be_visible()
    expect(call).to_be_hidden()
    expect(page.locator(".group:visible")).to_have_count(1)
    field.fill("")
    expect(call).to_be_visible()


MAX_PHONE_PX = 6_000


def test_reference_begins_with_its_title_and_closed_groups_on_a_phone(new_device):
    page = new_device(**PHONE).open("/docs/try")
    assert page.evaluate("document.documentElement.scrollHeight") < MAX_PHONE_PX
    title, contents = page.get_by_role("heading", level=1), page.locator(".api nav")
    assert title.bounding_box()["y"] < contents.bounding_box()["y"]
    page.locator(".api nav summary").first.tap()
    page.locator(".api nav li a").first.tap()
    expect(page.locator(".call:has(:target)")).to_be_in_viewport()
