"""The connection banner on every kind of page. It appears soon after the server stops responding, shows the time of the
page's data, and disappears afterwards.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from support.browser.pages import away, expect
from support.programs.processes import ROOT, suspended

long = pytest.mark.long(proved_by="browser/test_connection.py::test_banner_is_in_bangla_with_bengali_digits")

ENDED_MS, HANGS_MS, BACK_MS = 5_000, 10_000, 15_000
"""The specification's promises, for a machine that is not busy."""

SAYS = re.compile(r"^No connection to the server. Last updated \d\d:\d\d:\d\d\.$")
PAGES = {  # each kind notices in a different way
    "a line and the stats": "/",
    "no line": "/login",
    "no line, and a session": "/account",
    "a document": "/docs/",
    "the lines of a community": "/communities/{community}",
    "the line of the panel": "/admin/visits",
    "the line of the panel, and nothing live": "/admin/people",
}


@pytest.fixture
def pages(community, new_device, session):
    """One page of every kind, all visible and quiet."""
    device = new_device(storage_state=session)
    return [device.open(path.format(community=community)) for path in PAGES.values()]


@contextmanager
def stopped(site) -> Iterator[None]:
    """Suspend the server with SIGSTOP: connections stay open but get no responses."""
    server = psutil.Process(site.pid)
    with suspended([server, *server.children(recursive=True)]):
        yield


@contextmanager
def cut(network) -> Iterator[None]:
    network.set_offline(True)
    try:
        yield
    finally:
        network.set_offline(False)


def banner(page):
    return page.locator("[data-connection]")


@long
def test_server_that_does_not_answer_is_said_on_every_page(site, pages):
    """One failure after the other on the same pages, because opening all of them takes longer than a failure lasts."""
    for page in pages:
        page.bring_to_front()
    pushed, line = (pages[-2].locator(part) for part in ("[data-pushed] >> nth=0", "[data-line]"))
    for trouble in (away(site), stopped(site), cut(pages[0].context)):
        with trouble:
            for page in pages:
                expect(banner(page)).to_have_text(SAYS)
            expect(pushed).to_have_attribute("data-stale", "")
        for page in pages:
            expect(banner(page)).to_be_empty()
        line.evaluate("dispatchEvent(new Event('online'))")  # by itself it waits up to 30 s
        expect(pushed).not_to_have_attribute("data-stale", "")
        expect(line).to_contain_text("Live")


def test_page_asks_often_enough_and_waits_for_no_answer_for_long():
    """Compares the page's own limits with the promises. A busy machine's delays are not part of the promises."""
    script = (ROOT / "koyjabo/static/webkit/connection.js").read_text()
    quiet, rest, limit = (
        int(re.search(rf"const {name} = ([\d_]+);", script)[1]) for name in ("QUIET_MS", "REST_MS", "ANSWER_LIMIT_MS")
    )
    assert (quiet < ENDED_MS, quiet + limit < HANGS_MS, rest + limit < BACK_MS) == (True, True, True)


def test_banner_is_in_bangla_with_bengali_digits(new_device, site):
    page = new_device(locale="bn-BD").open("/login")
    with away(site):
        expect(banner(page)).to_have_text(re.compile("[০-৯]{2}:[০-৯]{2}:[০-৯]{2}"))
