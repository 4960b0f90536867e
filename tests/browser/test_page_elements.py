"""<koyjabo-count value="page"> on another site: it shows the views of a page, live, with one subscription a page."""

import json
from urllib.parse import quote

import pytest
from pages import expect
from support.programs.processes import suspended

OWN = '<koyjabo-count value="page">none</koyjabo-count>'


class Post:
    """A post on another site, with elements."""

    def __init__(self, page, site, address: str) -> None:
        self.page, self._site, self._address = page, site, address
        self.lists: list[list[str]] = []
        page.on("websocket", lambda socket: socket.on("framesent", self._sent))

    def open(self, path: str, *elements: str):
        self.page.goto(f"{self._address}{path}")
        script = f'<script type="module" src="http://localhost:{self._site.port}/static/js/koyjabo-count.js"></script>'
        self.page.set_content("".join(elements) + script)
        return self

    def shows(self, *numbers: str) -> None:
        """Wait until the elements show these numbers. An empty text means the content of the element."""
        for at, number in enumerate(numbers):
            element = self.page.locator("koyjabo-count").nth(at)
            shown = element.locator("[part=number]")
            if number:
                expect(shown).to_have_text(number)
            expect(shown.locator("slot")).to_have_count(0 if number else 1)

    def go(self, call: str) -> None:
        self.page.evaluate(f"history.{call}")

    def _sent(self, frame: str) -> None:
        message = json.loads(frame)
        if message["type"] == "pages":
            self.lists.append(message["paths"])


@pytest.fixture
def post(page, site, other_site):
    return Post(page, site, other_site)


def views(site, path: str) -> int:
    (counted,) = site.get(f"/api/pages?path={quote(path)}").json()["pages"]
    return counted["views"]


def other(path: str) -> str:
    return f'<koyjabo-count value="page" page="{path}">none</koyjabo-count>'


def test_ten_elements_share_one_subscription(post, site):
    post.open("posts/ten", *[OWN] * 5, *[other("/posts/eleven")] * 4, other("/hidden"))
    post.shows(*["1"] * 5, *["0"] * 4, "")
    site.register("somebody", page="/posts/eleven?q=1")
    post.shows(*["1"] * 5, *["1"] * 4, "")
    assert [sorted(paths) for paths in post.lists] == [["/hidden", "/posts/eleven", "/posts/ten"]]
    post.go("pushState({}, '', '/posts/twelve')")
    post.shows(*["1"] * 5, *["1"] * 4, "")
    assert [sorted(paths) for paths in post.lists[1:]] == [["/hidden", "/posts/eleven", "/posts/twelve"]]


def test_an_element_follows_a_path_that_changes_without_loading(post, site):
    for _ in range(2):
        site.register("somebody", page="/posts/next")
    begin = views(site, "/posts/next")
    first = str(views(site, "/posts/first") + 1)  # opening it is a visit
    elements = [element.replace(" ", ' views="false" ', 1) for element in (OWN, other("/posts/first"))]
    post.open("posts/first", *elements).shows(first, first)
    with suspended(site.workers()):
        post.go("pushState({}, '', '/posts/next?page=2')")
        post.shows("", first)
    post.shows(str(begin), first)
    post.go("replaceState({}, '', '/hidden')")
    post.shows("", first)
    post.go("pushState({}, '', '/posts/next')")
    post.go("back()")
    post.shows("", first)
    post.page.evaluate("document.querySelector('koyjabo-count').setAttribute('page', '/posts/next')")
    post.shows(str(begin), first)
    assert views(site, "/posts/next") == begin, "with `views=false`, nothing is counted"


def test_an_element_counts_later_openings_as_page_views_unless_views_is_false(post, site):
    element = '<koyjabo-count value="page">none</koyjabo-count>'
    post.open("posts/views", element).shows("1")
    post.open("posts/views", element).shows("2")
    post.go("pushState({}, '', '/posts/later')")
    post.shows("1")
    for attributes in ('views="false"', 'counts="false"'):
        post.open("posts/views", f'<koyjabo-count value="page" {attributes}>none</koyjabo-count>').shows("2")
    post.open("posts/last", element).shows("1")  # a page sends its views when it is left
    assert (views(site, "/posts/views"), views(site, "/posts/later")) == (2, 1)


def test_copies_of_the_scripts_count_a_page_once(post, site):
    # the last with its own parts
    copies = ["js/koyjabo-count.js?v=1", "js/koyjabo-count.js?v=2", "copy/koyjabo-count.js"]
    post.page.route("**/copy/**", lambda route: route.continue_(url=route.request.url.replace("/copy/", "/js/")))
    element = '<koyjabo-count value="page">none</koyjabo-count>'
    post.open("posts/copies", element)
    for name in copies:
        post.page.add_script_tag(url=f"http://localhost:{site.port}/static/{name}", type="module")
    url = f"http://localhost:{site.port}/static/js/koyjabo.js"
    start = "async (url) => { const { KoyJabo } = await import(url); new KoyJabo().start(); }"
    for name in (url, f"{url}?v=1", url.replace("/js/", "/copy/")):
        post.page.evaluate(start, name)
    post.shows("1")
    post.go("pushState({}, '', '/posts/copied')")
    post.shows("1")
    post.open("posts/end", element).shows("1")  # a page sends its views when it is left
    assert [views(site, f"/posts/{name}") for name in ("copies", "copied")] == [1, 1]


def test_an_element_with_an_invalid_page_keeps_its_content_and_warns_once(post, site, device):
    site.register("somebody", page="/posts/named")
    names = ["posts/named", "https://blog.example/posts/named?x=1#y", "posts/named", "ftp://blog.example/posts/named"]
    post.open("posts/wrong", *map(other, names)).shows("", "1", "", "")
    warnings = [line for line in device.console if "Write a path like" in line]
    assert [line.split('"')[1] for line in warnings] == ["posts/named", "ftp://blog.example/posts/named"]


def test_one_page_shows_the_numbers_of_more_than_a_hundred_pages(post, site):
    site.register("somebody", page="/posts/n119")
    post.open("posts/archive", *(other(f"/posts/n{number}") for number in range(120)))
    post.shows(*["0"] * 119, "1")
    site.register("somebody", page="/posts/n3")
    post.shows("0", "0", "0", "1")
    site.register("somebody", page="/posts/n119")
    post.shows(*["0"] * 3, "1", *["0"] * 115, "2")
