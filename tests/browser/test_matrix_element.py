"""<koyjabo-count> with each attribute, set in every way that pages have: the table of matrix/element.py."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from urllib.parse import unquote

import pytest
from bundles import FOLDER
from matrix.element import FRAMEWORKS, TABLE
from pages import expect, wait_for
from test_count_element import BENGALI, script, tag

WRITTEN_BY_SERVERS = ("htmx", "turbo")
COUNTING = ("counts", "views", "stores")
"""Attributes that change what a page counts. Their cells have a page each."""

NAMED, VIEWS = "/posts/matrix", 3
"""A page and its views."""

STORED = "[...Object.keys(localStorage), ...Object.keys(sessionStorage).filter((key) => /visit/.test(key))]"
numbers = count()


@pytest.fixture(scope="module")
def community(site, founder):
    for visitor in range(VIEWS):
        site.register(f"matrix{visitor}", page=NAMED)
    return founder.found(public_count=True)


class Shop:
    """A page of another site with an element for each cell."""

    def __init__(self, page, site, address: str, bundle, community: str) -> None:
        self.page, self.site, self.community = page, site, community
        self.path, self.next_path = (f"views/{kind}{next(numbers)}" for kind in ("a", "b"))
        page.goto(f"{address}{self.path}")
        page.route("**/built/*.js", lambda route: route.fulfill(path=bundle(Path(route.request.url).stem)))
        page.route("**/part?*", lambda route: answer(route, "html", unquote(route.request.url.partition("?")[2])))
        copy = page.request.get(script(site)).text()
        page.route("**/copies/*.js", lambda route: answer(route, "javascript", copy))
        page.set_content('<html lang="en"><body>')
        page.evaluate(f"(() => {{ {FOLDER.joinpath('plain.js').read_text()} }})()")

    def put(self, cells, when: str) -> None:
        for cell in cells:
            self.page.evaluate("([when, cell]) => window.put(when, cell)", [when, self.data(cell)])

    def data(self, cell) -> dict:
        name, way, url = cell.surface, cell.distortion, f"http://localhost:{self.site.port}"
        values = {
            **{"lang": "bn", "value": "today", "page": NAMED, "label": "so far", "counts": False, "views": False},
            **{"share": True, "stores": "nothing"},
            **{"community": self.community, "base-url": url if is_set(cell) else "http://localhost:1"},
        }
        text = {False: "false", True: ""}.get(values[name], values[name])
        return {
            **{"id": f"cell-{name}-{way.replace(' ', '-')}", "way": way, "name": name, "text": text},
            "value": text if way in WRITTEN_BY_SERVERS else values[name],
            "fixed": {"value": "page"} if name in ("page", "views") else {},
            "url": f"/built/{way}.js" if way in FRAMEWORKS else None,
        }

    def shows(self, cell, text: str) -> None:
        elements = self.page.locator(f"#{self.data(cell)['id']} koyjabo-count")
        expect(elements).to_have_count(2 if cell.distortion == "twice" else 1)
        for element in elements.all():
            expect(element.locator("[part=number]")).to_have_text(text)
            label = "so far" if cell.surface == "label" and is_set(cell) else ""
            expect(element.locator("[part=label]")).to_have_text(label)
            expect(element.locator("[part=share]")).to_have_count(int(cell.surface == "share" and is_set(cell)))

    def text(self, cell) -> str:
        """The number of a cell's element."""
        stats = self.site.stats()
        total = f"{stats.total:,}"
        if cell.surface in ("page", "views"):
            return str(VIEWS) if cell.surface == "page" and is_set(cell) else "1"  # of this page
        texts = {"lang": total.translate(BENGALI), "value": f"{stats.today:,}", "community": "0"}
        return texts.get(cell.surface, total) if is_set(cell) else total

    def views(self, path: str) -> int:
        return self.site.get(f"/api/pages?path=/{path}").json()["pages"][0]["views"]


def answer(route, kind: str, text: str) -> None:
    route.fulfill(content_type=f"text/{kind}", body=text)


def is_set(cell) -> bool:
    return cell.outcome == "counts"  # otherwise the element is as without the attribute


@pytest.mark.parametrize("cells", TABLE.pages(lambda cell: "" if cell.surface in COUNTING else "page"))
def test_an_attribute_that_a_page_sets_in_its_own_way_has_the_outcome_of_its_row(
    page, site, other_site, bundle, community, cells
):
    before, shop = site.stats().total, Shop(page, site, other_site, bundle, community)
    (cell, *_) = cells
    is_copy = cell.surface == "base-url" and is_set(cell)
    shop.put(cells, "early")
    page.add_script_tag(url="/copies/koyjabo-count.all.js" if is_copy else script(site))
    if any(cell.distortion == "twice" for cell in cells) and not is_copy:
        page.add_script_tag(url=script(site).replace(".all", ""), type="module")
    shop.put(cells, "late")
    if cell.surface == "counts":
        if is_set(cell):
            shop.shows(cell, f"{before:,}")
            assert (site.stats().total, page.evaluate(STORED)) == (before, [])
        page.evaluate("(cell) => window.change(cell, true)", shop.data(cell))
    wait_for(page, lambda: site.stats().total == before + 1, "the page's visit is counted")
    for cell in cells:
        shop.shows(cell, shop.text(cell))
    if cell.surface == "stores":
        assert (page.evaluate(STORED) == []) == is_set(cell)
    if cell.surface == "views":
        page.evaluate("(path) => history.pushState({}, '', path)", f"/{shop.next_path}")
        shop.shows(cell, str(int(not is_set(cell))))
    page.wait_for_function(f"!Object.values(localStorage).some((note) => note.includes(':{site.port}/'))")
    page.goto("about:blank")  # a page sends its views when it is left
    assert site.stats().total == before + 1
    if cell.surface == "views":
        assert [shop.views(path) for path in (shop.path, shop.next_path)] == [1, int(not is_set(cell))]


def test_the_table_has_a_row_for_each_attribute_of_the_element(page, site, other_site):
    page.goto(other_site)
    page.set_content(tag(site))
    page.wait_for_function("!!customElements.get('koyjabo-count')")
    attributes = page.evaluate("customElements.get('koyjabo-count').observedAttributes")
    assert sorted(attributes) == sorted(TABLE.surfaces)
