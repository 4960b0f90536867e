"""A total links to its receipt: with scripts in a sheet next to it, without them on a separate page."""

from pages import expect

QUESTION = "Is this number right?"


def test_a_total_opens_its_receipt_which_follows_new_visits(new_device, site):
    page = new_device(viewport={"width": 320, "height": 640}).open("/")
    link = page.get_by_role("link", name=QUESTION)
    link.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name=QUESTION)
    total = sheet.locator("tfoot td")
    expect(sheet.locator("tbody")).to_contain_text("Continued from the older counter")
    site.register("shifa", "receipt")
    expect(total).to_have_text(f"{site.stats().total:,}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()


def test_the_page_of_a_receipt_shows_each_visit_without_polling(page, site):
    page.add_init_script("window.setInterval = () => 0")  # it hears of the visit, and does not ask
    page.goto(f"http://localhost:{site.port}/receipt")
    page.wait_for_load_state("networkidle")
    site.register("shifa")
    expect(page.locator("tfoot td")).to_have_text(f"{site.stats().total:,}")
