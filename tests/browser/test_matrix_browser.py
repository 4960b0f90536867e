"""Pages in browsers that lack, refuse or change an interface: the table of matrix/browser.py."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path

import pytest
from matrix.browser import ANSWERING, CONTENT, EVERYWHERE, INSTEAD_OF, INTERFACES, TABLE
from pages import MOVES, expect, stat, visit, wait_for
from support.programs.processes import ROOT
from test_count_element import frame, number, script, tag

DISTORT = Path(__file__).with_name("distort.js").read_text()
NOT_CODE = re.compile(r'"(?:\\.|[^"\\\n])*"|/\^[^/\n]*/|(?:import|export)\s*\{[^}]*\}|\w+\([^()]*\)\{')
NAME = re.compile(
    r"(?<![.\w$#])(?:((?:navigator|document|AbortSignal|history)\??\.\w+)|([A-Za-z]\w{3,})(?![\w$]|:(?!\w+\}=self\b)))"
)
MEMBER = re.compile(r"navigator|AbortSignal|history\.(push|replace)State|document\.(hidden|prerendering)")
"""Members that browsers may lack. The others are as old as documents and histories."""

START = """async (url) => {
  window.koyjabo = new (await import(url)).KoyJabo({ pageViews: true });
  void window.koyjabo.start();
}"""
RETURN = """() => ["visibilitychange", "offline", "online", "pageshow", "pagehide"].forEach((type) =>
  [document, window].forEach((target) => target.dispatchEvent(new Event(type))))"""
"""The events of a page that is left and shown again."""

ELEMENT = f"<koyjabo-count>{CONTENT}</koyjabo-count>"
HIDDEN_CHANGES = ("never", "another")
"""Distortions of `navigation` that hide a change of the path."""

numbers = count()
UNCOUNTED = "<koyjabo-count counts=false></koyjabo-count>"


def distorted(cells) -> str:
    """A script that distorts the interfaces of these cells."""
    surfaces = [
        {"paths": INTERFACES[cell.surface], "distortion": cell.distortion, "isAnswering": cell.surface in ANSWERING}
        for cell in cells
    ]
    instead = {path for cell in cells for path in INSTEAD_OF.get(cell.surface, ())}
    instead -= {path for surface in surfaces for path in surface["paths"]}
    return f"({DISTORT})({json.dumps([*surfaces, {'paths': [*instead], 'distortion': 'absent'}])})"


class Place:
    """A page in a place of the table, with the total that it shows."""

    def __init__(self, page, site, other_site: str, name: str) -> None:
        self.page, self.site, self.other_site, self.name = page, site, other_site, name
        self.counts = name not in ("receipt", "n", "panel")

    def open(self) -> None:
        if path := {"home": "/", "receipt": "/receipt", "panel": "/admin/"}.get(self.name):
            visit(self.page, path)
        elif self.name == "n":
            visit(self.page, self.site.post_visit("sharer").json()["visit"]["share"])
        else:
            self.page.goto(self.other_site)
            classic = f'<script src="{script(self.site)}"></script>'
            contents = {"element": ELEMENT + tag(self.site), "classic": ELEMENT + classic}
            contents |= {"frame": frame(self.site, "lang=en&counts=1"), "uncounted": UNCOUNTED + tag(self.site)}
            if self.name == "module":
                self.page.evaluate(START, f"http://localhost:{self.site.port}/static/js/koyjabo.js")
            else:
                self.page.set_content(contents[self.name])

    def shows(self, total: int) -> None:
        if self.name == "module":
            self.page.wait_for_function("(total) => window.koyjabo.stats?.totalVisits === total", arg=total)
        else:
            expect(self.shown).to_have_text(f"{total:,}")

    @property
    def shown(self):
        if self.name == "frame":
            return self.page.frame_locator("iframe").locator("koyjabo-count [part=number]")
        if self.name == "receipt":
            return self.page.locator("tfoot td")
        return number(self.page) if self.name in ("element", "classic") else stat(self.page, "totalVisits")

    def counts_and_shows(self, is_to_return: bool) -> None:
        before = self.site.stats().total
        self.open()
        before = self.site.stats().total if self.name == "n" else before
        if self.counts:
            self.shows(before + 1)
        if self.name == "home":
            expect(self.page.locator("[data-own]")).to_contain_text(f"{before + 1:,}")
        self.page.wait_for_load_state("load")
        for more in (1, 2):
            self.site.register("karim")
            self.shows(before + more + self.counts)
            for shown in self.page.frames if is_to_return and more == 1 else ():
                shown.evaluate(RETURN)
        assert self.site.stats().total == before + 2 + self.counts

    def counts_page_views(self) -> None:
        path = f"/views/matrix{next(numbers)}"
        self.page.evaluate("(path) => history.pushState({}, '', path)", path)
        wait_for(self.page, lambda: self.site.get(f"/api/pages?path={path}").json()["pages"][0]["views"] == 1, "a view")

    def copies(self) -> None:
        self.page.locator("[data-share]" if self.name == "home" else "[data-dialog=sharing]").click()
        button = self.page.locator("#sharing [data-copy]")
        button.click()
        expect(button).to_have_class(re.compile("done"))

    def waits(self) -> None:
        """The visit is noted in the browser, and the next page sends it."""
        before, tabs = self.site.stats().total, self.page.context
        self.open()
        self.page.wait_for_function("Object.keys(localStorage).some((key) => /waiting/.test(key))")
        assert self.site.stats().total == before
        self.page.close()
        page = tabs.new_page()
        Place(page, self.site, self.other_site, "receipt" if self.name == "home" else "uncounted").open()
        wait_for(page, lambda: self.site.stats().total == before + 1, "the visit is sent")
        page.wait_for_function("!Object.keys(localStorage).some((key) => /waiting/.test(key))")

    def is_refused(self, says: str) -> None:
        """The content of the element stays, and nothing is counted."""
        before, inside = self.site.stats().total, self.page
        self.open()
        self.page.wait_for_load_state("networkidle")
        if self.name == "frame":
            inside, says = self.page.frame_locator("iframe"), f"{before:,}"  # the server's
        expect(inside.locator("koyjabo-count")).to_have_text(says)
        assert self.site.stats().total == before


@pytest.mark.parametrize("cells", TABLE.pages(lambda cell: cell.place if cell.outcome == "counts" else ""))
def test_a_page_in_a_browser_with_a_distorted_interface_has_the_outcome_of_its_row(
    new_device, session, site, other_site, cells
):
    (cell, *_), how = cells, {cell.surface: cell.distortion for cell in cells}
    is_panel, moves = cell.place == "panel", MOVES if "animate" in how else {}
    device = new_device(storage_state=session if is_panel else None, service_workers="allow", **moves)
    page, stacks = device.context.new_page(), []
    device.context.on("weberror", lambda error: stacks.append(f"{error.error} {error.error.stack}"))
    page.add_init_script(distorted(cells))
    place = Place(page, site, other_site, cell.place)
    if cell.outcome == "refused":
        place.is_refused(cell.says)
        device.exceptions.clear()
    elif cell.outcome == "waits":
        place.waits()
    else:
        place.counts_and_shows(is_to_return=how.get("Intl") != "read")  # Playwright reads it
    if how.get("navigation", "never") not in HIDDEN_CHANGES and not is_panel and "history" not in how:
        place.counts_page_views()
    if how.get("sharing", "never") != "never" and not is_panel:
        place.copies()
    if "CSSStyleSheet" in how:
        device.violations.clear()  # by a style that the frame's policy refuses
    if is_panel:  # charts need more, and show their tables
        device.exceptions[:] = [text for text in stacks if "uPlot" not in text]


def test_the_table_has_a_row_for_each_interface_that_scripts_name(host_page):
    texts = [
        NOT_CODE.sub("''", path.read_text())
        for path in (ROOT / "koyjabo/static/min").rglob("*.js")
        if "vendor" not in path.parts
    ]
    names = {name.replace("?", "") for text in texts for pair in NAME.findall(text) for name in pair if name}
    named = host_page.evaluate("(names) => names.filter((name) => name.includes('.') || name in window)", sorted(names))
    named = {name for name in named if "." not in name or MEMBER.match(name)}
    named |= {name for name in ("Element.prototype.animate",) if any(".animate(" in text for text in texts)}
    rows = {name for names in INTERFACES.values() for name in names}
    assert named - set(EVERYWHERE.split()) == rows
