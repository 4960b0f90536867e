"""A visit number's page, which only the visitor can share, and the time since visits are not saved."""

import re
import time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from support.application.site import site_fixture

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import OPERATOR
from koyjabo.counting.outage import Writer
from koyjabo.counting.unsaved_visits import COMMIT_LATE_S, UnsavedVisits
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.limits import limits

site = site_fixture(STARTING_TOTAL=4000, PUBLIC_URL="https://live.example.com")


def main_of(page: str) -> str:
    return re.search("<main.*</main>", page, re.DOTALL)[0]


def test_the_page_of_a_visit_shows_its_number_its_day_and_the_later_visits(site):
    share = site.register("ayesha", page="/secret", referrer="https://google.com").share
    assert re.fullmatch(r"/n/4001\?s=[A-Za-z0-9_-]{22}", share)
    site.time.pass_(days=1)
    site.register("babul")
    answer = site.client.get(share)
    assert (answer.status_code, answer.headers["X-Robots-Tag"]) == (200, "noindex")
    texts = ("4,001", "16 Dec 2025", "1 visit since", 'href="/" data-next>')
    assert [text in main_of(answer.text) for text in texts] == [True] * 4
    assert [text in answer.text for text in ("ayesha", "secret", "google.com")] == [False] * 3
    links = re.findall(r'<a [^>]*href="(https://(?:wa\.me|www\.facebook\.com)/[^"]+)"([^>]*)>', answer.text)
    assert [(address.count("live.example.com%2Fn%2F4001%3Fs%3D"), rest) for address, rest in links] == [
        (1, ' target="_blank" rel="noopener noreferrer" translate="no"')
    ] * 2
    foreign = r'<(?:script|img|link|iframe)[^>]*(?:src|href)="https?://(?!live\.example\.com)'
    assert not re.search(foreign, answer.text), "the page loads something from another site"


def test_the_later_visits_include_erased_visits_but_no_adjustments(site):
    share = site.register("ayesha").share
    later = [site.register(f"babul{number}") for number in range(3)]
    site.set_total(9000)
    assert site.register("chandni").ordinal == 9001
    site.forget("babul1")
    assert "4 visits since" in main_of(site.client.get(share).text)
    assert "1 visit since" in main_of(site.client.get(later[2].share).text)


def test_a_visit_link_has_one_path_and_may_choose_the_language(site):
    share = site.register("ayesha").share
    path, _, signature = share.partition("?s=")
    assert site.client.get(f"{path}?fbclid=1&s={signature}&s=0").status_code == 200
    for other in (f"{path}/", "/n/04001", "/n/৪০০১"):
        answer = site.client.get(f"{other}?fbclid=1&s={signature}&lang=bn")
        assert (answer.status_code, answer.headers["Location"]) == (301, f"{share}&lang=bn"), other
        assert answer.headers["X-Robots-Tag"] == "noindex"
    bangla = site.client.get(f"{share}&lang=bn").text
    assert '<html lang="bn"' in bangla
    assert "৪,০০১" in bangla
    site.client.set_cookie("language", "en")
    assert '<html lang="en"' in site.client.get(f"{share}&lang=bn").text


def test_a_site_without_a_bangla_name_offers_bangla_only_on_request(site):
    def offers(accepted: str) -> tuple[int, int]:
        page = site.client.get(share, headers={"Accept-Language": accepted}).text
        return page.count('name="language"'), page.count('lang="bn" aria-hidden')

    share = site.register("ayesha").share
    assert offers("fr") == (2, 1)
    site.services[StoredSettings].change(OPERATOR, SITE_NAME="Le Blog")
    assert [offers(accepted) for accepted in ("fr", "en, bn-BD;q=0.5", "bn")] == [(0, 0), (2, 0), (2, 0)]
    for settings in ({"SITE_SENTENCE_BN": "ঢাকার ব্লগ"}, {"SITE_SENTENCE_BN": "", "SITE_BANGLA": "1"}):
        site.services[StoredSettings].change(OPERATOR, **settings)
        assert offers("fr") == (2, 1)
    site.services[StoredSettings].change(OPERATOR, SITE_NAME="", SITE_BANGLA="0")
    assert offers("fr") == (0, 0)


def test_a_visit_is_not_found_without_its_signature(site):
    share = site.register("ayesha").share
    site.register("babul")
    path, _, signature = share.partition("?s=")
    wrong = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    others = (path, f"{path}?s=", f"{path}?s={wrong}", f"{path}/?s={wrong}", f"/n/04001?s={wrong}")
    others += (f"/n/4002?s={signature}", f"/n/{'9' * 40}?s={signature}", f"/n/-1?s={signature}", f"{path}?s=%ff%F0")
    for other in others:
        assert site.client.get(other).status_code == 404, other


def test_a_visit_link_becomes_invalid_when_the_visitor_is_erased_or_the_epoch_ends(site):
    gone, kept = site.register("ayesha").share, site.register("babul").share
    site.forget("ayesha")
    assert [site.client.get(url).status_code for url in (gone, kept)] == [404, 200]
    site.set_total(9000)
    assert [site.client.get(url).status_code for url in (kept, site.register("chandni").share)] == [200, 200]
    site.set_total(5, new_epoch=True)
    assert site.client.get(kept).status_code == 404


def test_visit_links_and_pictures_have_separate_limits_for_one_address(site, monkeypatch):
    for limit in ("SHARED_NUMBERS", "SHARE_PICTURES"):
        monkeypatch.setattr(limits, limit, 2)
    site.restart()
    there = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    for path in (site.register("ayesha").share, "/card.png"):
        assert [site.client.get(path, **there).status_code for _ in range(3)] == [200, 200, 429], path


WELL = Writer(0, 0.0, False, None, 0.0)
BEGAN_MS = 1_765_860_518_000


def failing(since: float, failed_at: float) -> Writer:
    return Writer(0, 0.0, True, since, failed_at)


def waiting(seconds: float) -> Writer:
    return Writer(1, seconds, False, None, 0.0)


# For each poll: the second, the state of this worker's commits, the counter's revision, and the second when visits
# stopped being saved. The worker started at second 100.
POLLS = {
    "no time while commits succeed": [(101, WELL, 1, None), (102, waiting(COMMIT_LATE_S), 2, None)],
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
    "no time while commits are slow and succeed": [
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


@pytest.mark.parametrize("polls", POLLS.values(), ids=POLLS)
def test_the_outage_lasts_from_the_first_failed_or_late_visit_until_a_saved_one(monkeypatch, polls):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    counter = SimpleNamespace(revision=1)
    clock = Clock(ZoneInfo("UTC"), now_ms=lambda: BEGAN_MS + round(1000 * now_s), release_ms=0)
    unsaved = UnsavedVisits(lambda: writer, lambda: counter.revision, clock)
    for now_s, writer, counter.revision, since_s in polls:  # noqa: B007
        unsaved.refresh()
        assert unsaved.since_ms == (None if since_s is None else BEGAN_MS + 1000 * since_s), now_s
