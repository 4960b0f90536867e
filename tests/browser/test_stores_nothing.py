"""Pages with `stores="nothing"` write nothing, and each page that they count is a visit or a page view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from engines import ENGINES
from pages import wait_for
from stored import stored_by, table
from support.programs.processes import wait_until

from koyjabo.counting.continued_visits import MAX_PAGE_PAUSE_MS

WATCH = """
const writes = window.writes = [], reads = window.reads = [];
for (const name of ["localStorage", "sessionStorage"]) {
  const area = window[name], note = (what, key) => void writes.push(`${name} ${what} ${String(key)}`);
  const watched = new Proxy(area, {
    set: (_, key, value) => (note("set", key), (area[key] = value), true),
    deleteProperty: (_, key) => (note("delete", key), delete area[key]),
    get(_, key) {
      reads.push(`${name} ${String(key)}`);
      const value = area[key];
      return typeof value === "function" ? (...given) => (note(key, given[0]), value.apply(area, given)) : value;
    },
  });
  Object.defineProperty(window, name, { value: watched });
}
for (const [object, name] of [[Document.prototype, "cookie"], [window, "name"]]) {
  const { get } = Object.getOwnPropertyDescriptor(object, name);
  const set = (value) => void writes.push(`${name} ${value}`);
  Object.defineProperty(object, name, { get, set, configurable: true });
}
const refuse = (name) => {
  writes.push(name);
  throw new Error("watched");
};
for (const [object, names] of [[window.indexedDB, ["open", "deleteDatabase"]], [window.caches, ["open", "delete"]]])
  for (const name of object ? names : []) Object.defineProperty(object, name, { value: () => refuse(name) });
"""

QUICK = "browser/test_stores_nothing.py::test_a_page_that_stores_nothing_writes_nothing_before_and_after_errors"
VIEW = "test_a_later_page_of_a_visitor_without_an_id_is_a_page_view_of_the_newest_visit"

PAGE = """<!doctype html><title>Elsewhere</title><script>%(watch)s</script>
<koyjabo-count value="total" %(stores)s></koyjabo-count> <koyjabo-count value="today"></koyjabo-count>
<a id="link" href="/b%(query)s">b</a> <a id="tab" href="/b%(query)s" target="_blank">tab</a>
<a id="bare" href="/b%(query)s" rel="noreferrer">bare</a>
<script type="module" src="%(server)s/static/js/koyjabo-count.js"></script>%(more)s"""

SHOWN = (
    '[...document.querySelectorAll("koyjabo-count")].every(({ shadowRoot }) => /[0-9]/.test(shadowRoot?.textContent))'
)

MODULE = """<script type="module">
import { KoyJabo } from "%s/static/js/koyjabo.js";
window.koyjabo = new KoyJabo();
koyjabo.start();
</script>"""


LATE = """<script>
setTimeout(async function begin() {
  if (!%s) return setTimeout(begin, 20);
  const { KoyJabo } = await import("%s/static/js/koyjabo.js");
  window.koyjabo = new KoyJabo();
  koyjabo.start();
});
</script>"""
"""A page whose framework starts the module after the element."""


@contextmanager
def pages_of(server: str) -> Iterator[str]:
    """A site whose pages have our line. `?stores=` is the attribute, and `?policy=` the Referrer-Policy."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Referrer-Policy", query.get("policy", "strict-origin-when-cross-origin"))
            self.end_headers()
            stores = f'stores="{query["stores"]}"' if "stores" in query else ""
            frame = f'<iframe src="{server}/embed?counts=1&stores=nothing"></iframe>' if "frame" in query else ""
            more = (MODULE % server if "module" in query else "") + frame
            more += LATE % (SHOWN, server) if "late" in query else ""
            filled = {"watch": WATCH, "stores": stores, "query": f"?{url.query}", "server": server, "more": more}
            self.wfile.write((PAGE % filled).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture(scope="module")
def host(site) -> Iterator[str]:
    with pages_of(f"http://localhost:{site.port}") as url:
        yield url


def counts(site) -> tuple[int, int]:
    """The visits and page views of the site so far."""
    ((visits, views),) = site.database.rows(
        "SELECT (SELECT count(*) FROM visits), (SELECT count(*) FROM events WHERE name = 'pageview')"
    )
    return visits, views


def allowed(reads: list[str]) -> set[str]:
    """What was read of the browser's storage: only the choice not to be counted may be."""
    return {read.split()[1] for read in reads if not read.endswith("Symbol(Symbol.toStringTag)")}


def test_a_page_that_stores_nothing_writes_nothing_before_and_after_errors(new_device, host, site):
    """Two elements, the module and a frame; an id from before; a server that is away."""
    context = new_device().context
    page, texts = context.new_page(), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: texts.append(str(frame))))
    context.on("request", lambda request: texts.append(request.post_data or ""))
    page.goto(f"{host}/blank?stores=nothing")
    page.evaluate("window.localStorage.visitorId = 'before'")
    page.route("**/api/**", lambda route: route.abort())
    before = counts(site)
    page.goto(f"{host}/a?stores=nothing&module&frame")
    page.evaluate("koyjabo.track('search', { to: 'Mirpur' })")
    wait_for(page, lambda: page.evaluate("koyjabo.waiting"), "the visit waits")
    page.unroute("**/api/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(page, lambda: page.evaluate("!koyjabo.waiting && koyjabo.isCounted"), "everything is sent")
    wait_for(page, lambda: page.evaluate(SHOWN), "the numbers are shown")
    wait_for(page, lambda: counts(site)[0] == before[0] + 2, "the page and the frame are counted")
    assert page.evaluate("koyjabo.visitorId") == ""
    assert page.evaluate("window.writes") == []
    assert allowed(page.evaluate("window.reads")) <= {"koyjabo.doNotCount"}
    assert stored_by(page) == {("localStorage", "visitorId")}
    assert not [text for text in texts if "visitorId" in text]
    assert site.database.rows("SELECT name, visit_id IS NULL FROM events WHERE name = 'search'")[-1] == ("search", 0)


def test_a_later_page_counts_once_if_the_module_starts_after_the_element(new_device, host, site):
    page, before = new_device().context.new_page(), counts(site)
    page.goto(f"{host}/a?stores=nothing&late")
    for later in range(3):
        wait_for(page, lambda: page.evaluate("window.koyjabo?.isCounted && !koyjabo.waiting"), "the page is counted")
        wait_for(page, lambda later=later: counts(site) == (before[0] + 1, before[1] + later), "each page counts once")
        page.click("#link")


def test_another_value_of_stores_is_named_in_the_console_and_stores_nothing(new_device, host, site):
    device = new_device()
    page = device.context.new_page()
    page.goto(f"{host}/a?stores=cookies")
    wait_for(page, lambda: page.evaluate(SHOWN), "the numbers are shown")
    assert [line for line in device.console if "stores" in line] == ['stores: use nothing, not "cookies"']
    assert (page.evaluate("window.writes"), stored_by(page)) == ([], set())


def test_the_choice_not_to_be_counted_is_read_by_a_page_that_stores_nothing(new_device, host, site):
    page = new_device().context.new_page()
    page.goto(f"{host}/blank?stores=nothing")
    page.evaluate("window.localStorage['koyjabo.doNotCount'] = '1'")
    wait_for(page, lambda: page.evaluate(SHOWN), "the numbers are shown")
    before = counts(site)
    page.goto(f"{host}/a?stores=nothing")
    wait_for(page, lambda: page.evaluate(SHOWN), "the numbers are shown")
    assert counts(site) == before


@pytest.mark.long(proved_by=QUICK)
@pytest.mark.parametrize("engine", ["Firefox", "WebKit"])
def test_other_engines_store_nothing(engine, request, tmp_path, host, site):
    with ENGINES[engine](request, tmp_path) as tab:
        before = counts(site)
        for page in ("a", "b"):
            tab.go(f"{host}/{page}?stores=nothing&module&frame")
            wait_until(lambda: tab.run(SHOWN.strip()), "the numbers are shown")
            assert tab.run("window.writes") == []
            assert tab.run("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
        wait_until(lambda: sum(counts(site)) - sum(before) >= 4, "two pages and two frames are counted")


Walk = Callable[[Any, str], Any]
"""Moves from a page to another one: `walk(page, address)`. Returns the page that is open then."""


def by_click(name: str) -> Walk:
    def walk(page, _address):
        page.click(name)
        return page

    return walk


def to_new_tab(page, _address):
    with page.context.expect_page() as opened:
        page.click("#tab")
    return opened.value


def another_tab(page, address):
    tab = page.context.new_page()
    tab.goto(address)
    return tab


def reload(page, _address):
    page.reload()
    return page


def back(page, _address):
    page.goto("about:blank")
    page.go_back()
    return page


def without_loading(page, _address):
    page.evaluate("history.pushState(null, '', '/spa')")
    return page


WALKS: dict[str, tuple[str, Walk, tuple[int, int], tuple[int, int]]] = {
    "a link": ("", by_click("#link"), (1, 1), (1, 1)),
    "a link that opens a new tab": ("", to_new_tab, (1, 1), (2, 0)),
    "a link with `rel=noreferrer`": ("", by_click("#bare"), (2, 0), (1, 1)),
    "a link on a site with `Referrer-Policy: no-referrer`": ("&policy=no-referrer", by_click("#link"), (2, 0), (1, 1)),
    "the page loaded again": ("", reload, (1, 1), (1, 1)),
    "back from another site": ("", back, (1, 1), (1, 1)),
    "a page of a single-page app": ("", without_loading, (1, 1), (1, 1)),
    "a link, more than 30 minutes later": ("", by_click("#link"), (2, 0), (1, 1)),
    "the address typed in a second tab": ("", another_tab, (2, 0), (2, 0)),
}
"""By the way from the first page to the second: (query, walk, visits and page views without an id, and with one)."""


@pytest.mark.long(proved_by=f"counting/test_continued_visits.py::{VIEW}")
@pytest.mark.parametrize("way", WALKS)
@pytest.mark.parametrize("stores", ["&stores=nothing", ""])
def test_the_document_says_how_each_way_to_a_second_page_is_counted(new_device, host, site, way, stores):
    query, walk, *expected = WALKS[way]
    address, before = f"{host}/a?{query}{stores}".replace("?&", "?"), counts(site)
    context = new_device(user_agent=f"{way} {stores}").context
    page = context.new_page()

    def counted() -> tuple[int, int]:
        visits, views = counts(site)
        return visits - before[0], views - before[1]

    page.goto(address)
    wait_for(page, lambda: counted() == (1, 0), "the first page is counted")
    wait_for(page, lambda: page.evaluate(SHOWN), "the numbers are shown")
    if "minutes" in way:
        site.database.rows(
            f"UPDATE visits SET at_ms = at_ms - {MAX_PAGE_PAUSE_MS} WHERE id = (SELECT max(id) FROM visits)"
        )
    page = walk(page, address)
    wait_for(page, lambda: sum(counted()) == 2, "the second page is counted")
    assert counted() == expected[0 if stores else 1]
    rows = {row[0]: row[1:] for row in table("how the second page is opened")}
    written = [f"{visits} and {views}" for visits, views in expected]
    assert rows[way] == written
