"""The connection banner on every kind of page. It appears soon after the server stops responding, shows the time of the
page's data, and disappears afterwards.
"""

import re

from pages import away, expect
from support.programs.processes import ROOT

LOADED_LATER = """async () => {
  const own = globalThis.koyjaboConnection;
  const script = [...document.scripts].find(({ src }) => src.endsWith("/home/pages/home.js"));
  const { connection } = await import(new URL("../../webkit/connection.js", script.src));
  return connection === own;
}"""
"""Whether a file that is loaded later has the same connection as the page's bundle. Two would write different times."""

ENDED_MS, HANGS_MS, BACK_MS = 5_000, 10_000, 15_000
"""The specification's promises, for a machine that is not busy."""

PAGES = {  # each kind notices in a different way
    "a line and the stats": "/",
    "no line": "/login",
    "the line of the panel": "/admin/visits",
}


def test_every_kind_of_page_shows_the_banner_until_the_server_is_back(new_device, session, site):
    device = new_device(storage_state=session, locale="bn-BD")
    pages = [device.open(path) for path in PAGES.values()]
    for page in pages:
        page.bring_to_front()  # hidden pages ask for nothing
    assert pages[0].evaluate(LOADED_LATER)
    with away(site):
        for page in pages:
            expect(page.locator("[data-connection]")).to_have_text(re.compile("[০-৯]{2}:[০-৯]{2}:[০-৯]{2}"))
        expect(pages[0].locator("[data-places]")).to_have_attribute("data-stale", "")
    for page in pages:
        page.evaluate("dispatchEvent(new Event('online'))")  # by itself a page waits up to 30 s
        expect(page.locator("[data-connection]")).to_be_empty()
    expect(pages[0].locator("[data-places]")).not_to_have_attribute("data-stale", "")


def test_the_banner_appears_and_disappears_within_the_promised_times():
    """Compares the page's own limits with the promises. A busy machine's delays are not part of the promises."""
    script = (ROOT / "koyjabo/static/webkit/connection.js").read_text()
    quiet, rest, limit = (
        int(re.search(rf"const {name} = ([\d_]+);", script)[1]) for name in ("QUIET_MS", "REST_MS", "ANSWER_LIMIT_MS")
    )
    assert quiet < ENDED_MS
    assert quiet + limit < HANGS_MS
    assert rest + limit < BACK_MS
