"""The connection banner, on every kind of page: there soon when the server does not answer, with the time as of which
the page is, and gone when it does.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from support.members import Member, promote
from support.pages import expect, open_as, visit
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.waits

ENDED_S, HANGS_S, BACK_S = 5, 10, 15
SLACK_S = 3
"""For a machine that runs other tests."""

SAYS = re.compile(r"^No connection to the server. This page is as of \d\d:\d\d:\d\d\.$")
PAGES = {  # each has another way to learn of it
    "a line and the stats": "/",
    "no line": "/login",
    "no line, and a session": "/account",
    "the guide to the API": "/docs/",
    "the line of a community": "/communities/{community}",
    "the line of a dashboard": "/communities/{community}/dashboard",
    "the line of the panel": "/admin/",
    "the line of the panel, and nothing live": "/admin/users",
}


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, PORT=free_port()).start()


@pytest.fixture(scope="module")
def admin(site) -> Member:
    member = Member(site, "rani")
    promote(site, member)
    return member


@pytest.fixture
def pages(admin, new_device) -> list[Page]:
    """One of every kind, all visible and quiet."""
    community = admin.found()
    device = new_device()
    return [open_as(device, admin, path.format(community=community)) for path in PAGES.values()]


@contextmanager
def ended(site) -> Iterator[None]:
    site.stop()
    try:
        yield
    finally:
        site.start()


@contextmanager
def stopped(site) -> Iterator[None]:
    """As by SIGSTOP: connections stay open, and nothing is answered."""
    processes = [psutil.Process(site.pid), *psutil.Process(site.pid).children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


@contextmanager
def cut(network: BrowserContext) -> Iterator[None]:
    network.set_offline(True)
    try:
        yield
    finally:
        network.set_offline(False)


def banner(page: Page):
    return page.locator("[data-connection]")


def within(limit_s: float, pages: list[Page], check: Callable[[Page], None]) -> None:
    ends = time.monotonic() + limit_s + SLACK_S
    for page in pages:
        check(page)
        assert time.monotonic() < ends, f"{page.url}: not within {limit_s} s"


def says_so(page: Page) -> None:
    expect(banner(page)).to_have_text(SAYS)


def is_silent(page: Page) -> None:
    expect(banner(page)).to_be_empty()


def test_server_that_does_not_answer_is_said_on_every_page(site, pages):
    """One trouble after the other, on the same pages: to open all of them takes longer than a trouble lasts."""
    for page in pages:
        page.bring_to_front()
    pushed, line = (pages[-2].locator(part) for part in ("[data-pushed] >> nth=0", "[data-line]"))
    for trouble, limit_s in ((ended(site), ENDED_S), (stopped(site), HANGS_S), (cut(pages[0].context), ENDED_S)):
        with trouble:
            within(limit_s, pages, says_so)
            expect(pushed).to_have_attribute("data-stale", "")
        within(BACK_S, pages, is_silent)
        expect(pushed).not_to_have_attribute("data-stale", "")
        expect(line).to_contain_text("Live")


def test_page_that_nobody_looks_at_asks_nothing(page):
    asked: list[str] = []
    page.on("request", lambda request: "healthz" in request.url and asked.append(request.url))
    page.clock.install()
    visit(page, "/login")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.run_for(60_000)
    assert asked == []
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_request("**/healthz"):
        page.clock.run_for(1)
    page.clock.run_for(12_000)
    assert 2 <= len(asked) <= 5


def test_banner_is_in_bangla_with_bengali_digits(new_device, site):
    page = new_device(locale="bn-BD").open("/login")
    with ended(site):
        expect(banner(page)).to_have_text(re.compile("[০-৯]{2}:[০-৯]{2}:[০-৯]{2}"))
