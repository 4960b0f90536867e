"""The page of the API's calls."""

from support.browser.pages import PHONE, expect, visit

OPEN, MAX_PHONE_PX = ".call[open]", 3_000


def test_call_is_opened_by_its_address_and_found_by_a_word(page):
    visit(page, "/docs#/visits/api_stats")
    call = page.locator(OPEN)
    expect(call.get_by_role("heading").first).to_be_in_viewport()
    expect(call).to_contain_text("totalVisitors")
    field = page.get_by_role("searchbox", name="Search the calls")
    field.fill("rotate key")
    expect(page.get_by_role("status").filter(has_text="1 result")).to_be_attached()
    page.get_by_role("heading", name="Give an API key a new secret").click()
    expect(page.locator(f"{OPEN}:visible")).to_contain_text("curl -X POST")
    assert page.url.partition("#")[2].startswith("/keys/")
    expect(call.first).to_be_hidden()
    expect(page.locator(".group:visible")).to_have_count(1)
    field.fill("")
    expect(call.first).to_be_visible()


def test_text_in_a_closed_call_is_found_by_the_browser(page, site):
    page.goto(f"http://localhost:{site.port}/docs/#:~:text=Does%20not%20check%20the%20database")
    expect(page.locator(OPEN)).to_have_count(1)


def test_reference_begins_with_its_title_and_closed_groups_on_a_phone(new_device):
    page = new_device(**PHONE).open("/docs")
    assert page.evaluate("document.documentElement.scrollHeight") < MAX_PHONE_PX
    title, contents = page.get_by_role("heading", level=1), page.locator(".api nav")
    assert title.bounding_box()["y"] < contents.bounding_box()["y"]
    page.locator(".group summary").first.tap()
    expect(page.locator(".call:visible")).to_have_count(0)
