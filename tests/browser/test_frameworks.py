"""<koyjabo-count> in pages of React, Preact, Vue, Lit and Turbo on another site: it counts once or not at all, whenever
it comes, and follows its properties.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pages import expect, sent_by

BEGIN = """
async (url) => {
  const { KoyJabo } = await import(url);
  window.koyjabo = new KoyJabo();
  window.show(window.koyjabo);
}
"""


PROOF = "browser/test_frameworks.py::test_an_element_that_a_framework_removes_and_adds_again_is_one_visit"
of_framework = pytest.mark.parametrize(
    "framework",
    [
        "react19",
        *(pytest.param(name, marks=pytest.mark.long(proved_by=PROOF)) for name in ("react18", "preact", "lit", "vue")),
    ],
)


class Shop:
    """A page of another site, made by a framework."""

    def __init__(self, page, site, address: str, bundle: Callable[[str], Path]) -> None:
        self.page, self.site, self.address = page, site, address
        self.shown = page.locator("koyjabo-count [part=number]")
        self.script = f"http://localhost:{site.port}/static/js/koyjabo-count.js"
        page.route("**/built/*.js", lambda route: route.fulfill(path=bundle(Path(route.request.url).stem)))

    def open(self, path: str, framework: str, has_element: bool = True) -> None:
        self.page.goto(f"{self.address}{path}")
        scripts = [self.script] * has_element + [f"/built/{framework}.js"]
        tags = [f'<script type="module" src="{script}"></script>' for script in scripts]
        self.page.set_content('<html lang="en"><main></main>' + "".join(tags))
        self.page.wait_for_function("!!window.show")

    def show(self, **properties) -> None:
        self.page.evaluate("(properties) => window.show(properties)", properties)

    def hide(self) -> None:
        self.page.evaluate("window.show(null)")
        expect(self.shown).to_have_count(0)

    def go(self, path: str) -> None:
        """Change the path, as routers do."""
        self.page.evaluate("(path) => history.pushState({}, '', path)", f"/{path}")

    def shows(self, number: int) -> None:
        expect(self.shown).to_have_text(f"{number:,}")

    def views(self, path: str) -> int:
        (counted,) = self.site.get(f"/api/pages?path=/{path}").json()["pages"]
        return counted["views"]


@pytest.fixture
def shop(page, site, other_site, bundle):
    return Shop(page, site, other_site, bundle)


@of_framework
def test_an_element_that_a_framework_removes_and_adds_again_is_one_visit(shop, site, framework):
    before, sent = site.stats().total, sent_by(shop.page, "/api/visitor/")
    shop.open("shop", framework)
    shop.show(value="total", label="visits", counts=False)
    shop.shows(before)
    assert (sent, shop.page.evaluate("localStorage.length")) == ([], 0)
    shop.show(value="total", label="visits", counts=True)
    shop.shows(before + 1)
    shop.hide()
    shop.show(value="total", label="so far")
    shop.shows(before + 1)
    expect(shop.page.locator("[part=label]")).to_have_text("so far")
    site.register("somebody")
    shop.shows(before + 2)
    shop.show(value="visitors")
    shop.shows(site.stats().unique)
    assert site.stats().total == before + 2


@of_framework
def test_an_element_of_a_framework_counts_page_views_once_no_attribute_says_false(shop, framework):
    first, second, third, fourth = paths = [f"views/{framework}-{number}" for number in range(4)]
    shop.open(first, framework)
    shop.show(value="page", views="false")
    shop.shows(1)  # the visit
    shop.go(second)
    shop.shows(0)
    shop.hide()
    shop.go(third)
    shop.show(value="page")
    shop.shows(1)
    shop.go(fourth)
    shop.shows(1)
    shop.show(value="page", page=f"/{second}")
    shop.shows(0)
    shop.page.goto("about:blank")  # a page sends its views when it is left
    assert [shop.views(path) for path in paths] == [1, 0, 1, 1]


def test_an_element_with_counts_false_does_not_count_before_its_script_is_loaded(shop, site):
    """Without a class, React 19 and Preact take `false` for an attribute that is missing."""
    before = site.stats().total
    shop.open("shop", "react19", has_element=False)
    shop.show(value="total", counts="false", views="false")
    shop.page.add_script_tag(url=shop.script, type="module")
    shop.shows(before)
    shop.show(value="total", counts="true")
    shop.shows(before + 1)


def test_a_module_that_react_starts_twice_is_live_and_counts_one_visit(shop, site):
    before = site.stats().total
    shop.open("shop", "react19-effect", has_element=False)
    text = shop.page.locator("main")
    shop.page.evaluate(BEGIN, f"http://localhost:{site.port}/static/js/koyjabo.js")
    for total in (before + 1, before + 2):  # the component goes, and returns
        expect(text).to_have_text(f"{total} live")
        assert site.register("somebody").stats.total == total + 1
        expect(text).to_have_text(f"{total + 1} live")
        shop.page.evaluate("window.show(null)")
        expect(text).to_have_text("")
        shop.page.evaluate("window.show(window.koyjabo)")
        expect(text).to_have_text(f"{total + 1} live")
    assert site.stats().total == before + 3


ELEMENT = '<koyjabo-count value="page"></koyjabo-count>'
LINKS = '<a href="/blog/first">first</a> <a href="/blog/second">second</a>'
BODIES = {"first": ELEMENT + LINKS, "second": LINKS + ELEMENT}
"""Pages of a blog. Their links replace the body without loading."""


ROUTERS = [
    "turbo",
    *(pytest.param(name, marks=pytest.mark.long(proved_by=PROOF)) for name in ("router", "router?fade")),
]


@pytest.mark.parametrize("router", ROUTERS)
def test_the_pages_of_a_router_are_counted_although_the_first_page_has_no_element(shop, site, router):
    """Also where Turbo shows a page from its cache, and where pages change in view transitions."""

    def answer(route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(content_type="text/html", body=f"<!doctype html><title>{name}</title>{BODIES[name]}")

    page, before = shop.page, site.stats().total
    (built, _, query), views = router.partition("?"), [shop.views(f"blog/{path}") for path in BODIES]
    page.route("**/blog/*", answer)
    page.goto(f"{shop.address}hidden/home?{query}")
    tags = (f'<script type="module" src="{script}"></script>' for script in (shop.script, f"/built/{built}.js"))
    page.set_content(f"<head>{''.join(tags)}</head>{LINKS}")
    for path, number in (("first", views[0] + 1), ("second", views[1] + 1), ("", views[0] + 2)):
        page.click(f"text={path}") if path else page.go_back()
        page.wait_for_url(f"**/blog/{path or 'first'}")
        shop.shows(number)
    page.goto("about:blank")  # a page sends its views when it is left
    assert [shop.views(f"blog/{path}") for path in ("first", "second")] == [views[0] + 2, views[1] + 1]
    assert site.stats().total == before + 1
