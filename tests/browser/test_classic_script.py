"""The element as one classic script: it works however it is loaded, and on hosts that have nothing else of us."""

from urllib.parse import quote

import pytest
from pages import expect

INJECTED = """
(url) => {
  const script = Object.assign(document.createElement("script"), { src: url });
  document.head.append(script);
  script.remove();
}
"""


@pytest.fixture(scope="module")
def site(new_site):
    return new_site(PAGE_NUMBERS="*")


@pytest.fixture
def script(site) -> str:
    return f"http://localhost:{site.port}/static/js/koyjabo-count.all.js"


def number(page):
    return page.locator("koyjabo-count [part=number]")


def test_the_classic_script_knows_its_server_when_its_tag_is_gone(host_page, site, script):
    before = site.stats().total
    host_page.set_content("<koyjabo-count></koyjabo-count>")
    host_page.evaluate(INJECTED, script)
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(host_page)).to_have_text(f"{before + 2:,}")
    assert site.stats().total == before + 2


def test_a_copy_of_the_classic_script_needs_no_other_file(page, site, script, other_site):
    """The policy of the page allows no script of the server."""
    copy = page.request.get(script).text()
    assert copy.isascii(), "copies lose their encoding"
    page.route("**/copies/element.js", lambda route: route.fulfill(content_type="text/javascript", body=copy))
    server, before = f"localhost:{site.port}", site.stats().total
    policy = f"default-src 'none'; script-src 'self' 'unsafe-inline'; connect-src http://{server} ws://{server}"
    page.goto(f"{other_site}posts/copy?policy={quote(policy)}")
    element = f'<koyjabo-count value="page" views base-url="http://{server}"></koyjabo-count>'
    page.set_content(f'<script src="/copies/element.js"></script>{element}')
    expect(number(page)).to_have_text("1")
    page.evaluate("history.pushState({}, '', '/posts/copy/next')")
    expect(number(page)).to_have_text("1")
    assert site.stats().total == before + 1
