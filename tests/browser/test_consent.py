"""The tables of docs/personal-data.md about consent agree with what Chromium stores and sends on another site."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from host_pages import begin_live
from pages import wait_for
from stored import DOCUMENT, SentIds, stored_by, table

NOT_COUNTED = '`<koyjabo-count counts="false">`, a frame without `counts=1`, or the module with `counts: false`'
NAMES = {
    ("localStorage", "visitorId"): "a permanent id",
    ("sessionStorage", "visitorId"): "an id",
    ("sessionStorage", "koyjabo.visit"): "the session's visit",
    ("sessionStorage", "koyjabo.stats"): "the latest numbers",
}
"""Names of stored data in the document, by area and the first word of the key."""

IS_SHOWN = """
() => [...document.images].every(({ naturalWidth }) => naturalWidth)
  && [...document.querySelectorAll("koyjabo-count")].every(({ shadowRoot }) => /[0-9]/.test(shadowRoot?.textContent))
"""

Use = Callable[[Any, Any, str], None]
"""Puts something on a page of another site: `use(page, site, community)`."""


def origin(site) -> str:
    return f"http://localhost:{site.port}"


def html(text: str) -> Use:
    """HTML of a page; SERVER and COMMUNITY are replaced."""

    def use(page, site, community) -> None:
        page.set_content(text.replace("SERVER", origin(site)).replace("COMMUNITY", community))

    return use


def element(attributes: str = "") -> Use:
    script = '<script type="module" src="SERVER/static/js/koyjabo-count.js"></script>'
    return html(f"<koyjabo-count {attributes}></koyjabo-count>{script}")


def frame(query: str) -> Use:
    return html(f'<iframe src="SERVER/embed?{query}"></iframe>')


def module(**options: Any) -> Use:
    return lambda page, site, _: begin_live(page, site, **options)


def image(path: str) -> Use:
    return html(f'<img src="SERVER{path}">')


def request(page, site, _) -> None:
    assert page.evaluate("async (url) => (await fetch(url)).ok", f"{origin(site)}/api/stats")


USES: dict[str, dict[str, Use]] = {
    "`<koyjabo-count>`, a frame with `counts=1`, or the module": {
        "element": element(),
        "frame": frame("counts=1"),
        "module": module(),
    },
    "an element, a frame with `counts=1`, or the module, [that stores nothing](#to-store-nothing)": {
        "element-stores-nothing": element('stores="nothing"'),
        "frame-stores-nothing": frame("counts=1&stores=nothing"),
        "module-stores-nothing": module(stores="nothing"),
    },
    "the module with `remember: false`": {"module-remember-false": module(remember=False)},
    NOT_COUNTED: {
        "element-counts-false": element('counts="false"'),
        "frame-counts-false": frame(""),
        "module-counts-false": module(counts=False),
    },
    '`<koyjabo-count counts="false">` or a frame without `counts=1`, with `community`': {
        "community-element": element('counts="false" community="COMMUNITY"'),
        "community-frame": frame("value=online&community=COMMUNITY"),
    },
    "the pixel": {"pixel": image("/koyjabo.gif?page=/")},
    "the badge, or `GET /api/stats`": {"badge": image("/badge.svg"), "request": request},
}
ROWS = {use: rest for use, *rest in table("what you use")}


class Seen(NamedTuple):
    """What one opening of a page has led to."""

    stored: set[tuple[str, str]]
    ids: set[str]
    visits: list[str]
    """The visitors of the new visits, as the server has stored them."""


class Visitor:
    """A browser on another site's page."""

    def __init__(self, device, site, other_site: str, community: str) -> None:
        self.sent = SentIds(device.context)
        self._context, self._site, self._other_site, self._community = device.context, site, other_site, community
        self.page = device.context.new_page()

    def open_tab(self) -> None:
        self.page.close()
        self.page = self._context.new_page()

    def open(self, use: Use, sends: bool, counts: bool) -> Seen:
        """Open the page in the current tab. Returns when everything on it is shown, it has sent an id and counted a
        visit, if it is to, and every request has been answered.
        """
        before = self._visitors()
        self.sent.take()
        self.page.goto(self._other_site)
        use(self.page, self._site, self._community)
        ids: set[str] = set()

        def is_done() -> bool:
            ids.update(self.sent.take())
            is_shown = all(frame.evaluate(IS_SHOWN) for frame in self.page.frames)
            return is_shown and bool(ids) >= sends and (len(self._visitors()) > len(before)) >= counts

        wait_for(self.page, is_done, "the page is shown, and has sent its id and its visit")
        self.page.wait_for_load_state("networkidle")
        ids |= self.sent.take()
        return Seen(
            {(area, key.partition(" ")[0]) for area, key in stored_by(self.page)}, ids, self._visitors()[len(before) :]
        )

    def _visitors(self) -> list[str]:
        return [visitor for (visitor,) in self._site.database.rows("SELECT visitor_id FROM visits ORDER BY id")]


@pytest.fixture
def visitor(new_device, site, other_site, open_community) -> Visitor:
    return Visitor(new_device(), site, other_site, open_community)


def named(cell: str) -> set[tuple[str, str]]:
    """The (area, name) pairs in a cell like "an id and the visit (sessionStorage); nothing else"."""
    parts = re.findall(r"([^;()]+) \((\w+)\)", cell)
    assert parts or cell == "nothing", cell
    return {(area, name.strip()) for names, area in parts for name in re.split(r", | and ", names)}


def ids_of(first: Seen, again: Seen, next_session: Seen) -> str:
    """How the document describes the ids sent in two openings in one tab, and one in the next tab."""
    if not first.ids | again.ids | next_session.ids:
        return "none"
    assert (len(first.ids), len(again.ids), len(next_session.ids)) == (1, 1, 1)
    if first.ids != again.ids:
        assert len(first.ids | again.ids | next_session.ids) == 3
        return "a new id for each page"
    return "the permanent id" if again.ids == next_session.ids else "the session's id"


def visits_of(first: Seen, again: Seen, next_session: Seen) -> str:
    """How the document describes the visits of these openings."""
    visits = first.visits + again.visits + next_session.visits
    if not visits:
        return "not counted"
    if all(name.startswith("anonymous_") for name in visits):
        return "anonymous"
    assert ([*first.ids], [], [*first.ids]) == (first.visits, again.visits, next_session.visits)
    return "counted per visitor"


QUICK = "element-counts-false"
FURTHER = pytest.mark.long(
    proved_by="browser/test_consent.py::test_chromium_stores_and_sends_only_the_entries_of_the_consent_table"
)
CASES = [
    pytest.param(row, use, id=name, marks=() if name == QUICK else FURTHER)
    for row, uses in USES.items()
    for name, use in uses.items()
]


@pytest.mark.parametrize(("row", "use"), CASES)
def test_chromium_stores_and_sends_only_the_entries_of_the_consent_table(visitor, row, use):
    stored, sent, visits = ROWS[row]
    openings = []
    for place in ("first", "again", "next session"):
        if place == "next session":
            visitor.open_tab()
        counts = visits != "not counted" and (place != "again" or row == "the pixel")
        openings.append(visitor.open(use, sends=sent != "none", counts=counts))
    for opening in openings:
        assert {(area, NAMES[area, key]) for area, key in opening.stored} == named(stored)
    assert (ids_of(*openings), visits_of(*openings)) == (sent, visits)


def test_a_page_that_does_not_count_sends_an_id_that_is_already_stored(visitor):
    counted = visitor.open(element(), sends=True, counts=True)
    visitor.open_tab()
    shown = visitor.open(element('counts="false"'), sends=True, counts=False)
    assert (shown.ids, shown.visits) == (counted.ids, [])


SNIPPETS = re.findall(r"^\*\*(.+?)\*\*.*?```html\n(.+?)```", DOCUMENT, re.MULTILINE | re.DOTALL)
VISIT = {("sessionStorage", "the session's visit"), ("sessionStorage", "the latest numbers")}
PROMISES = {
    "Without scripts": ({False: set()}, ["anonymous"]),
    "To ask for consent": (
        {False: {("sessionStorage", "an id"), *VISIT}, True: {("localStorage", "a permanent id"), *VISIT}},
        ["anonymous", "visitor"],
    ),
}
"""What each snippet stores, by whether the visitor has consented, and the kinds of visitors it counts."""


@pytest.mark.parametrize(
    ("promise", "snippet"),
    [
        pytest.param(promise, snippet, id=promise.replace(" ", "-"), marks=FURTHER if at else ())
        for at, (promise, snippet) in enumerate(SNIPPETS)
    ],
)
def test_a_snippet_stores_what_its_heading_promises_and_counts_one_visit(visitor, promise, snippet):
    stored, kinds = PROMISES[promise]
    opened = []
    for has_consent, expected in stored.items():
        visitor.open_tab()
        consent = f"<script>localStorage.consent = {'yes' if has_consent else 'no'!r}</script>" * (len(stored) > 1)
        page = html(consent + snippet.replace("https://koyjabo.example", "SERVER"))
        seen = visitor.open(page, sends=expected != set(), counts=True)
        opened += seen.visits
        kept = seen.stored - {("localStorage", "consent")}
        assert {(area, NAMES[area, key]) for area, key in kept} == expected
    assert [visitor.partition("_")[0] for visitor in opened] == kinds


def test_each_row_of_the_consent_table_has_an_example_and_each_snippet_a_promise():
    assert ROWS.keys() == USES.keys()
    assert [promise for promise, _ in SNIPPETS] == [*PROMISES]
