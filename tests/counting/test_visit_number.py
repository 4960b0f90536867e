"""A visit number's page, which only the visitor can share, and the time since visits are not saved."""

import re
import time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from support.application.site import Site

from koyjabo.base.core.clock import Clock
from koyjabo.counting.outage import Writer
from koyjabo.counting.unsaved_visits import COMMIT_LATE_S, UnsavedVisits

BANGLA = {"Accept-Language": "bn"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000, PUBLIC_URL="https://live.example.com") as site:
        yield site


def test_visit_link_shows_only_the_number_the_day_and_later_visits(site):
    share = site.register("ayesha", page="/secret", referrer="https://google.com").share
    assert re.fullmatch(r"/n/4001\?s=[A-Za-z0-9_-]{22}", share)
    assert "It is the newest visit." in site.client.get(share).text
    site.time.pass_(days=1)
    site.register("babul")
    answer = site.client.get(share)
    assert answer.status_code == 200
    assert answer.headers["X-Robots-Tag"] == "noindex"
    main = re.search("<main.*</main>", answer.text, re.DOTALL)[0]
    texts = ("4,001", "16 Dec 2025", "There has been 1 visit since.", 'href="/" data-next>Be no. 4,003<')
    assert [text in main for text in texts] == [True] * 4
    assert [text in answer.text for text in ("ayesha", "secret", "google.com")] == [False] * 3
    assert "৪,০০১" in site.client.get(share, headers=BANGLA).text


def test_visit_link_counts_later_visits_without_adjustments(site):
    """An erased visit still counts, so no number falls."""
    share = site.register("ayesha").share
    later = [site.register(f"babul{number}") for number in range(3)]
    site.set_total(9000)
    assert site.register("chandni").ordinal == 9001
    site.forget("babul1")
    assert "There have been 4 visits since." in site.client.get(share).text
    assert "There has been 1 visit since." in site.client.get(later[2].share).text


def test_language_of_the_address_holds_for_readers_who_have_chosen_none(site):
    share = site.register("ayesha").share
    named = f"{share}&lang=bn"
    page = site.client.get(named).text
    assert '<html lang="bn"' in page
    assert '<html lang="en"' in site.client.get(f"{share}&lang=xx").text
    assert site.client.get(named.replace("?", "/?")).headers["Location"] == named
    site.client.set_cookie("language", "en")
    assert '<html lang="en"' in site.client.get(named).text


def test_visit_is_shared_by_plain_links_that_reveal_nothing_to_other_sites(site):
    page = site.client.get(site.register("ayesha").share).text
    links = re.findall(r'<a [^>]*href="(https://(?:wa\.me|www\.facebook\.com)/[^"]+)"([^>]*)>', page)
    assert [(address.count("live.example.com%2Fn%2F4001%3Fs%3D"), rest) for address, rest in links] == [
        (1, ' target="_blank" rel="noopener noreferrer" translate="no"')
    ] * 2
    assert not re.search(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="https?://(?!live\.example\.com)', page)


def test_no_other_address_shows_it(site):
    share = site.register("ayesha").share
    site.register("babul")
    path, _, signature = share.partition("?s=")
    wrong = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    others = (path, f"{path}?s=", f"{path}?s={wrong}", f"{path}/?s={wrong}", f"/n/04001?s={wrong}")
    others += (f"/n/4002?s={signature}", f"/n/{'9' * 40}?s={signature}", f"/n/-1?s={signature}", f"{path}?s=%ff%F0")
    for other in others:
        assert site.client.get(other).status_code == 404, other


def test_other_spellings_lead_to_the_one_path_and_what_networks_add_is_ignored(site):
    share = site.register("ayesha").share
    path, _, signature = share.partition("?s=")
    assert site.client.get(f"{path}?fbclid=1&s={signature}&s=0").status_code == 200
    for other in (f"{path}/", "/n/04001", "/n/৪০০১"):
        answer = site.client.get(f"{other}?fbclid=1&s={signature}")
        assert (answer.status_code, answer.headers["Location"]) == (301, f"{path}?s={signature}"), other
        assert answer.headers["X-Robots-Tag"] == "noindex"


def test_link_ends_with_its_visitor_and_with_its_count(site):
    gone, kept = site.register("ayesha").share, site.register("babul").share
    site.forget("ayesha")
    assert [site.client.get(url).status_code for url in (gone, kept)] == [404, 200]
    site.set_total(9000)
    assert [site.client.get(url).status_code for url in (kept, site.register("chandni").share)] == [200, 200]
    site.set_total(5, new_epoch=True)
    assert site.client.get(kept).status_code == 404


def test_pixels_of_one_address_are_limited(sqlite_database, monkeypatch):
    from koyjabo.web.limits import limits

    monkeypatch.setattr(limits, "SHARED_NUMBERS", 2)
    with Site(sqlite_database.url) as site:
        there = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
        share = site.register("ayesha").share
        assert [site.client.get(share, **there).status_code for _ in range(3)] == [200, 200, 429]


WELL = Writer(0, 0.0, False, None, 0.0)
BEGAN_MS = 1_765_860_518_000


def failing(since: float, failed_at: float) -> Writer:
    return Writer(0, 0.0, True, since, failed_at)


def waiting(seconds: float) -> Writer:
    return Writer(1, seconds, False, None, 0.0)


# For each poll: the second, the state of this worker's commits, the counter's revision, and the second when visits
# stopped being saved. The worker started at second 100.
LOOKS = {
    "nothing while commits succeed": [(101, WELL, 1, None), (102, waiting(COMMIT_LATE_S), 2, None)],
    "from when a visit came that failed, until one is saved here": [
        (111, failing(105, 110), 1, 105),
        (140, failing(105, 139), 1, 105),
        (3700, failing(105, 139), 1, 105),  # no visits since then, so nothing was saved
        (3701, WELL, 2, None),
    ],
    "from when a visit came that waits too long": [
        (110.0, waiting(COMMIT_LATE_S), 1, None),
        (110.5, waiting(COMMIT_LATE_S + 0.5), 1, 110.5 - COMMIT_LATE_S - 0.5),
        (111.0, WELL, 2, None),
    ],
    "nothing while commits are slow and succeed": [
        (second, waiting(3.0), second, None) for second in range(101, 110)
    ],
    "until another worker saves one, though this one has failed; a failure after that begins anew": [
        (111, failing(105, 110), 1, 105),
        (112, failing(105, 110), 2, None),
        (113, failing(105, 110), 2, None),
        (121, failing(105, 120), 2, 111),  # saved at some time after the poll at 111
    ],
    "of a failure, though one was saved just before": [(101, WELL, 1, None), (102, failing(101.5, 101.5), 2, 101.5)],
}  # fmt: skip


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_visits_are_unsaved(monkeypatch, looks):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    counter = SimpleNamespace(revision=1)
    clock = Clock(ZoneInfo("UTC"), now_ms=lambda: BEGAN_MS + round(1000 * now_s))
    unsaved = UnsavedVisits(lambda: writer, lambda: counter.revision, clock)
    for now_s, writer, counter.revision, since_s in looks:  # noqa: B007
        unsaved.refresh()
        assert unsaved.since_ms == (None if since_s is None else BEGAN_MS + 1000 * since_s), now_s
