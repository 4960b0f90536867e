"""Browsers that lack or forbid parts of the platform count each visit and show each number, on all pages."""

from __future__ import annotations

import pytest
from host_pages import begin
from pages import expect, stat, visit, wait_for
from test_count_element import frame, number, script, tag


def replaced(value: str, *names: str, of: str = "window") -> str:
    """A script that replaces properties. `value` is an expression, evaluated with each read."""
    return "".join(
        f"Object.defineProperty({of}, '{name}', {{ configurable: true, get() {{ return {value}; }}, set() {{}} }});"
        for name in names
    )


FORBIDDEN = "(() => { throw new DOMException('forbidden', 'SecurityError'); })()"
ANGRY = "new Proxy({}, Object.fromEntries(['get', 'set', 'ownKeys', 'deleteProperty'].map((name) => [name, () => %s])))"
STORES = ("localStorage", "sessionStorage")
OBSERVERS = ("IntersectionObserver", "MutationObserver", "ResizeObserver", "PerformanceObserver")
NULL_STORES = replaced("null", *STORES)
"""Android's web view, unless its app turns DOM storage on."""

DISTORTIONS = {
    "stores that are missing": replaced("undefined", *STORES),
    "stores that throw when read": replaced(FORBIDDEN, *STORES),
    "stores that throw with each call": replaced(ANGRY % FORBIDDEN, *STORES),
    "stores that refuse to write": replaced(f"new Proxy({{}}, {{ set: () => {FORBIDDEN} }})", *STORES),
    "no databases, locks and caches": replaced("null", "indexedDB", "caches")
    + replaced("null", "locks", of="navigator"),
    "no cryptography": replaced("undefined", "crypto"),
    "cryptography that throws": "Crypto.prototype.getRandomValues = Crypto.prototype.randomUUID = () => { throw 1; };",
    "no language data": replaced("undefined", "Intl"),
    "language data without its formats": "for (const name of Object.getOwnPropertyNames(Intl)) delete Intl[name];",
    "a language that is none": replaced("'C'", "language", of="navigator"),
    "no observers": replaced("undefined", *OBSERVERS),
    "observers that are null": replaced("null", *OBSERVERS),
    "no service workers": replaced("undefined", "serviceWorker", of="navigator"),
    "service workers that throw": replaced(FORBIDDEN, "serviceWorker", of="navigator"),
    "no media queries": replaced("undefined", "matchMedia"),
    "media queries that are null": replaced("() => null", "matchMedia"),
    "no sockets": replaced("null", "WebSocket"),
    "no sockets and no streams": replaced("null", "WebSocket", "EventSource"),
    "almost nothing": replaced("null", *STORES, *OBSERVERS, "indexedDB", "caches", "crypto", "Intl", "matchMedia")
    + replaced("null", "WebSocket", "EventSource", "BroadcastChannel", "Notification")
    + replaced("null", "locks", "serviceWorker", "clipboard", "share", of="navigator"),
}


def counts_on_another_page(page, site, other_site, content: str) -> None:
    """Open a page with an element. It counts its visit and follows the next one."""
    page.goto(other_site)
    before = site.stats().total
    page.set_content(content)
    expect(number(page)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(page)).to_have_text(f"{before + 2:,}")
    assert site.stats().total == before + 2


def counts_at_home(page, site) -> None:
    before = site.stats().total
    visit(page, "/")
    expect(stat(page, "totalVisits")).to_have_text(f"{before + 1:,}")
    expect(page.locator("[data-own]")).to_contain_text(f"{before + 1:,}")
    site.register("somebody")
    expect(stat(page, "totalVisits")).to_have_text(f"{before + 2:,}")


def follows(page, site, path: str, shown) -> None:
    """Open a page that counts nothing. It follows the next visit."""
    visit(page, path)
    before = site.stats().total
    page.wait_for_load_state("load")
    site.register("somebody")
    expect(shown(page)).to_have_text(f"{before + 1:,}")


def test_a_page_whose_storage_is_null_counts_and_shows_its_visit(page, site, other_site):
    page.add_init_script(NULL_STORES)
    counts_on_another_page(page, site, other_site, f"<koyjabo-count></koyjabo-count>{tag(site)}")
    counts_at_home(page, site)
    follows(page, site, "/receipt", lambda page: page.locator("tfoot td"))


@pytest.mark.long(proved_by="browser/test_forbidden.py::test_a_page_whose_storage_is_null_counts_and_shows_its_visit")
@pytest.mark.parametrize(
    "distortion", [pytest.param(script, id=name) for name, script in {"null": NULL_STORES, **DISTORTIONS}.items()]
)
def test_every_page_counts_and_shows_visits_in_a_browser_that_forbids_something(
    new_device, session, site, other_site, distortion
):
    device = new_device(storage_state=session)
    device.context.add_init_script(distortion)
    for source in (tag(site), f'<script src="{script(site)}"></script>'):
        page = device.context.new_page()
        counts_on_another_page(page, site, other_site, f"<koyjabo-count></koyjabo-count>{source}")
        page.close()
    page = device.context.new_page()
    page.goto(other_site)
    before = site.stats().total
    begin(page, site, pageViews=True)
    wait_for(page, lambda: page.evaluate("window.koyjabo.visit?.ordinal") == before + 1, "it is counted")
    share = page.evaluate("window.koyjabo.visit.share")
    page.set_content(frame(site, "lang=en"))
    inside = page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text(f"{before + 1:,}")
    counts_at_home(page, site)
    follows(page, site, "/receipt", lambda page: page.locator("tfoot td"))
    follows(page, site, "/admin/", lambda page: stat(page, "totalVisits"))
    visit(page, share)
    expect(page.locator("[data-after]")).to_contain_text("4 visits")
    site.register("somebody")
    expect(page.locator("[data-after]")).to_contain_text("5 visits")
    device.exceptions.clear()  # charts need more, and show their tables
