"""The connection banner, on every kind of page: there soon when the server does not answer, with the time as of which
the page is, and gone when it does.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from support.browser.pages import away, expect

long = pytest.mark.long(proved_by="browser/test_connection.py::test_banner_is_in_bangla_with_bengali_digits")

ENDED_S, HANGS_S, BACK_S = 5, 10, 15
SLACK_S = 3
"""For a machine that runs other tests."""

SAYS = re.compile(r"^No connection to the server. Last updated \d\d:\d\d:\d\d\.$")
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


@pytest.fixture
def pages(community, new_device, session):
    """One of every kind, all visible and quiet."""
    device = new_device(storage_state=session)
    return [device.open(path.format(community=community)) for path in PAGES.values()]


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
def cut(network) -> Iterator[None]:
    network.set_offline(True)
    try:
        yield
    finally:
        network.set_offline(False)


def banner(page):
    return page.locator("[data-connection]")


def within(limit_s: float, pages, check) -> None:
    ends = time.monotonic() + limit_s + SLACK_S
    for page in pages:
        check(page)
        assert time.monotonic() < ends, f"{page.url}: not within {limit_s} s"


def says_so(page) -> None:
    expect(banner(page)).to_have_text(SAYS)


def is_silent(page) -> None:
    expect(banner(page)).to_be_empty()


@long
def test_server_that_does_not_answer_is_said_on_every_page(site, pages):
    """One trouble after the other, on the same pages: to open all of them takes longer than a trouble lasts."""
    for page in pages:
        page.bring_to_front()
    pushed, line = (pages[-2].locator(part) for part in ("[data-pushed] >> nth=0", "[data-line]"))
    for trouble, limit_s in ((away(site), ENDED_S), (stopped(site), HANGS_S), (cut(pages[0].context), ENDED_S)):
        with trouble:
            within(limit_s, pages, says_so)
            expect(pushed).to_have_attribute("data-stale", "")
        within(BACK_S, pages, is_silent)
        line.evaluate("dispatchEvent(new Event('online'))")  # by itself it waits for up to 30 s
        expect(pushed).not_to_have_attribute("data-stale", "")
        expect(line).to_contain_text("Live")


def test_banner_is_in_bangla_with_bengali_digits(new_device, site):
    page = new_device(locale="bn-BD").open("/login")
    with away(site):
        expect(banner(page)).to_have_text(re.compile("[০-৯]{2}:[০-৯]{2}:[০-৯]{2}"))
