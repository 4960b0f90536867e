"""The line that people paste (docs/client.md), in a page that the browser parses: one script, which the page waits for
nowhere.
"""

from __future__ import annotations

from threading import Event

import pytest
from host_pages import HostPages
from pages import expect, wait_for

LINE = '<koyjabo-count value="page"></koyjabo-count><script async crossorigin src="{}"></script>'
HELD = '<script defer src="/held.js"></script><img src="/held.png">'
DEFINED = "!!customElements.get('koyjabo-count')"


def line(site) -> str:
    return f"http://localhost:{site.port}/static/js/koyjabo-line.js"


class Post:
    """A page of another site."""

    def __init__(self, page, site, address: str) -> None:
        self.page, self.site, self.address = page, site, address
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: str, html: str) -> None:
        HostPages.files[f"/{path}"] = f'<!doctype html><html lang="en">{html}'
        self.page.goto(f"{self.address}{path}", wait_until="commit")

    def sent(self) -> list[str]:
        """The paths of requests to the server."""
        origin = f"http://localhost:{self.site.port}"
        return [url.removeprefix(origin) for url in self.requests if url.startswith(origin)]

    def shows(self, number: int) -> None:
        expect(self.page.locator("koyjabo-count [part=number]").first).to_have_text(f"{number:,}")


@pytest.fixture
def held(monkeypatch):
    """Events that let the site send the script and the image of `HELD`."""
    script, image = held = Event(), Event()
    monkeypatch.setattr(HostPages, "held", {"/held.js": script, "/held.png": image})
    yield held
    for event in held:
        event.set()


@pytest.fixture
def post(page, site, other_site):
    return Post(page, site, other_site)


def test_the_line_sends_nothing_before_the_page_is_parsed_and_does_not_wait_for_its_images(post, site, held):
    before = site.stats().total
    post.open("posts/line/first", LINE.format(line(site)).replace("page", "total") + HELD)
    post.page.wait_for_function(DEFINED)
    assert post.sent() == ["/static/js/koyjabo-line.js"]
    held[0].set()
    post.shows(before + 1)
    assert post.page.evaluate("document.readyState") == "interactive"
    assert [path for path in post.sent() if path.startswith("/static/")] == ["/static/js/koyjabo-line.js"]


def test_a_line_that_is_put_in_late_does_not_wait_for_the_load_of_the_page(post, site, held):
    before = site.stats().total
    held[0].set()
    post.open("posts/line/late", "<koyjabo-count></koyjabo-count>" + HELD)
    post.page.wait_for_function("performance.timing.domContentLoadedEventEnd")
    post.page.evaluate(
        "(src) => document.head.append(Object.assign(document.createElement('script'), { src }))", line(site)
    )
    post.shows(before + 1)
    assert post.page.evaluate("document.readyState") == "interactive"


def test_the_line_imports_parts_from_its_own_folder_in_a_page_with_another_base(post, site):
    post.open("posts/line/parts", f"<base href=/elsewhere/>{LINE.format(line(site))}")
    post.shows(1)
    parts = {path for path in post.sent() if path.startswith("/static/")} - {"/static/js/koyjabo-line.js"}
    assert parts == {"/static/js/koyjabo-pages.2.js", "/static/js/koyjabo-queue.3.js"}


def test_a_line_that_is_merged_or_in_the_page_needs_base_url_and_says_so_once(post, site, device):
    before, text = site.stats().total, post.page.request.get(line(site)).text()
    post.page.route(
        "**/bundle.js", lambda route: route.fulfill(content_type="text/javascript", body=f"window.ours = 1\n{text}")
    )
    elements = "<koyjabo-count></koyjabo-count>" * 2
    for script in ('<script src="/bundle.js"></script>', f"<script>{text}</script>"):
        device.console.clear()
        post.requests.clear()
        post.open("posts/line/merged", elements + script)
        wait_for(post.page, lambda: device.console, "it says so")
        assert [line for line in device.console if "base-url" in line] == device.console
        assert len(device.console) == 1
        named = elements.replace("count>", f'count value="page" base-url="http://localhost:{site.port}">', 1)
        post.open("posts/line/merged", named + script)
        post.shows(1)
        assert "/static/js/koyjabo-pages.2.js" in post.sent()
        assert not [url for url in post.requests if url.startswith(post.address) and "/api/" in url]
    assert site.stats().total == before + 1, "one session"


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="{}"></script>',
        *(
            pytest.param(
                tag,
                marks=pytest.mark.long(
                    proved_by="browser/test_line.py::test_a_line_that_another_program_has_changed_counts_once"
                ),
            )
            for tag in (
                '<script async src="{}"></script>',
                '<script defer src="{}"></script>',
                '<script type="module" src="{}"></script>',
                '<script async crossorigin src="{}"></script>' * 3,
                '<script async crossorigin src="{}?ver=6.1"></script>',
            )
        ),
    ],
)
def test_a_line_that_another_program_has_changed_counts_once(post, site, tag):
    before = site.stats().total
    post.open("posts/line/changed", tag.format(*[line(site)] * 3) + "<koyjabo-count></koyjabo-count>")
    post.shows(before + 1)
    text = post.page.request.get(line(site)).text()
    post.page.evaluate("(text) => { for (let time = 0; time < 5; time++) (0, eval)(text); }", text)
    site.register("somebody")
    post.shows(before + 2)
    assert site.stats().total == before + 2
