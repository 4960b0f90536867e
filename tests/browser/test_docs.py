"""The page of the API's calls."""

from support.browser.pages import expect, visit


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
    field.fill("")
    expect(call).to_be_visible()
