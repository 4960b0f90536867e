"""The mark of a site in a real browser."""

RUN = "document.documentElement.id = 'ran'"
MARK = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="{RUN}"><circle r="9"/>
<script>{RUN}</script><foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="{RUN}"/></foreignObject>
</svg>"""


def test_a_script_in_a_mark_never_runs(site, browser, admin_tab):
    admin_tab.goto("/admin/server?edit=mark")
    file = {"name": "mark.svg", "mimeType": "image/svg+xml", "buffer": MARK.encode()}
    admin_tab.set_input_files("#mark-file", file)
    admin_tab.click("#mark button.primary")
    image = admin_tab.locator("header .brand img")
    assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth > 0)")
    page = browser.new_page()
    page.goto(f"http://localhost:{site.port}{image.get_attribute('src')}")
    opened = page.locator("circle").count(), page.evaluate("document.documentElement.id")
    page.close()
    admin_tab.goto("/admin/server?edit=mark")
    admin_tab.click("#mark button[name=remove]")
    assert opened == (1, "")
