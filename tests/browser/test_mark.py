"""The mark of a site in a real browser."""

from pages import expect, wait_for

RUN = "document.documentElement.id = 'ran'"
MARK = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="9"/><script>{RUN}</script></svg>"""


def test_a_mark_with_a_script_is_refused_and_shown_without_the_script(browser, admin_tab):
    for content in (MARK, MARK.replace(f"<script>{RUN}</script>", "<!-- drawn by hand -->")):
        admin_tab.goto("/admin/server?edit=name")
        file = {"name": "mark.svg", "mimeType": "image/svg+xml", "buffer": content.encode()}
        admin_tab.set_input_files("#mark", file)
        admin_tab.click("#name button.primary")
        if content is MARK:
            assert "<script>" in admin_tab.text_content("#mark-error")
    image = admin_tab.locator("header .brand img")
    assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth > 0)")
    admin_tab.goto("/admin/server?edit=name")
    admin_tab.check("#remove_mark")
    admin_tab.click("#name button.primary")


def test_the_form_shows_how_the_site_will_look_before_it_is_saved(admin_tab):
    admin_tab.goto("/admin/server?edit=name")
    look = admin_tab.locator(".look").first
    ground = "(look) => getComputedStyle(look).backgroundImage"
    before = look.evaluate(ground)
    admin_tab.fill("#site_name", "Carnet")
    with admin_tab.expect_response("**/colours?*ff7700"):
        admin_tab.fill("#site_colour", "#ff7700")
    wait_for(admin_tab, lambda: look.evaluate(ground) != before, "the preview has the new ground")
    assert look.locator("[data-name]").text_content() == "Carnet"
    admin_tab.set_input_files("#mark", {"name": "mark.svg", "mimeType": "image/svg+xml", "buffer": MARK.encode()})
    look.locator("img[src^='data:']").wait_for()


def test_the_offer_of_bangla_follows_a_typed_name_until_it_is_chosen(admin_tab):
    admin_tab.goto("/admin/server?edit=name")
    name, offer = admin_tab.get_by_label("Name", exact=True), admin_tab.get_by_label("Offer Bangla")
    usual = name.input_value()
    expect(offer).to_have_value("1")
    name.fill("Le Blog")
    expect(offer).to_have_value("0")
    name.fill(usual)
    expect(offer).to_have_value("1")
    offer.select_option("0")
    name.fill(usual)
    expect(offer).to_have_value("0")
