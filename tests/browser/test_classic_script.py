"""The element as one classic script: it works however it is loaded, and on hosts that have nothing else of us."""

from urllib.parse import quote

import pytest
from support.browser.pages import expect

long = pytest.mark.long(
    proved_by="browser/test_classic_script.py::test_classic_script_knows_its_server_however_it_is_loaded"
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


def test_copy_of_the_classic_script_needs_no_other_file(page, site, script, other_site):
    """The policy of the page allows no script of the server."""
    copy = page.request.get(script).text()
    page.route("**/copies/element.js", lambda route: route.fulfill(content_type="text/javascript", body=copy))
    server, before = f"localhost:{site.port}", site.stats().total
    policy = f"default-src 'none'; script-src 'self'; connect-src http://{server} ws://{server}"
    page.goto(f"{other_site}posts/copy?policy={quote(policy)}")
    attributes = f'value="page" views base-url="http://{server}"'
    page.set_content(f'<script src="/copies/element.js"></script><koyjabo-count {attributes}></koyjabo-count>')
    expect(number(page)).to_have_text("1")
    page.evaluate("history.pushState({}, '', '/posts/next')")
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
