"""The element as one classic script: it works however it is loaded, and on hosts that have nothing else of us."""

from urllib.parse import quote

import pytest
from support.browser.pages import expect

long = pytest.mark.long(
    proved_by="browser/test_classic_script.py::test_classic_script_knows_its_server_however_it_is_loaded"
)
of_copy = pytest.mark.long(
    proved_by="browser/test_classic_script.py::test_copy_of_the_classic_script_needs_no_other_file"
)

INJECTED = """
(url) => {
  const script = Object.assign(document.createElement("script"), { src: url });
  document.head.append(script);
  script.remove();
}
"""
WAYS = ["injected", *(pytest.param(way, marks=long) for way in ("head", "end", "async", "defer", 'type="module"'))]


@pytest.fixture(scope="module")
def site(new_site):
    return new_site(PAGE_NUMBERS="*")


@pytest.fixture
def script(site) -> str:
    return f"http://localhost:{site.port}/static/js/koyjabo-count.all.js"


def number(page, at: int = 0):
    return page.locator("koyjabo-count").nth(at).locator("[part=number]")


@pytest.mark.parametrize("way", WAYS)
def test_classic_script_knows_its_server_however_it_is_loaded(host_page, site, script, way):
    before = site.stats().total
    element = "<koyjabo-count></koyjabo-count>"
    attribute = "" if way in ("injected", "head", "end") else way
    tag = f'<script {attribute} src="{script}"></script>'
    host_page.set_content({"injected": element, "end": f"{element}{tag}"}.get(way, f"<head>{tag}</head>{element}"))
    if way == "injected":
        host_page.evaluate(INJECTED, script)
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(host_page)).to_have_text(f"{before + 2:,}")
    assert site.stats().total == before + 2


@pytest.mark.parametrize("is_pasted", [False, pytest.param(True, marks=of_copy)])
def test_copy_of_the_classic_script_needs_no_other_file(page, site, script, other_site, is_pasted):
    """The policy of the page allows no script of the server."""
    copy = page.request.get(script).text()
    assert copy.isascii(), "copies lose their encoding"
    page.route("**/copies/element.js", lambda route: route.fulfill(content_type="text/javascript", body=copy))
    server, before = f"localhost:{site.port}", site.stats().total
    policy = f"default-src 'none'; script-src 'self' 'unsafe-inline'; connect-src http://{server} ws://{server}"
    path = f"posts/copy-{is_pasted}"
    page.goto(f"{other_site}{path}?policy={quote(policy)}")
    element = f'<koyjabo-count value="page" views base-url="http://{server}"></koyjabo-count>'
    tag = f"<script>{copy}</script>" if is_pasted else '<script src="/copies/element.js"></script>'
    page.set_content(tag + element)
    expect(number(page)).to_have_text("1")
    page.evaluate("(path) => history.pushState({}, '', path)", f"/{path}/next")
    expect(number(page)).to_have_text("1")
    assert site.stats().total == before + 1


@long
@pytest.mark.parametrize("is_first", [True, False])
def test_classic_script_next_to_the_module_counts_once(host_page, site, script, is_first):
    before = site.stats().total
    tags = [
        f'<script defer src="{script}"></script>',
        f'<script type="module" src="{script.replace(".all", "")}"></script>',
    ]
    host_page.set_content("<koyjabo-count></koyjabo-count>" + "".join(tags if is_first else tags[::-1]))
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(host_page)).to_have_text(f"{before + 2:,}")
    assert site.stats().total == before + 2
