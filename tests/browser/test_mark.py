"""The mark of a site in a real browser."""

RUN = "document.documentElement.id = 'ran'"
MARK = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="9"/><script>{RUN}</script></svg>"""


def test_a_mark_with_a_script_is_refused_and_shown_without_the_script(browser, admin_tab):
    for content in (MARK, MARK.replace(f"<script>{RUN}</script>", "<!-- drawn by hand -->")):
        admin_tab.goto("/admin/server?edit=mark")
        file = {"name": "mark.svg", "mimeType": "image/svg+xml", "buffer": content.encode()}
        admin_tab.set_input_files("#mark-file", file)
        admin_tab.click("#mark button.primary")
        if content is MARK:
            assert "<script>" in admin_tab.text_content("#mark-error")
    image = admin_tab.locator("header .brand img")
    assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth > 0)")
    admin_tab.goto("/admin/server?edit=mark")
    admin_tab.click("#mark button[name=remove]")
