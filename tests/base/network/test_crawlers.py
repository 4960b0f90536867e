"""Crawlers that identify themselves are flagged, and BOT_POLICY decides whether they count. No other visitors are
flagged.
"""

from __future__ import annotations

import pytest
from support.application.site import Site, nothing_counted

from koyjabo.base.network.user_agents import is_bot

ANDROID = "Mozilla/5.0 (Linux; Android {}) AppleWebKit/537.36 (KHTML, like Gecko) {}"
GOOGLEBOT = (
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)
CRAWLERS = {
    "Googlebot": GOOGLEBOT,
    "Facebook's preview": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp's preview": "WhatsApp/2.23.20.0 A",
    "a crawler that no list has": "Mozilla/5.0 (compatible; ExampleSearchBot/1.0; +https://example.org/bot)",
    "a crawler next to an engine": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; ExampleCheck/2.0) Safari/537.36",
    "a crawler in a phone's place": ANDROID.format("13; Pixel 7; ExampleCrawler/3", "Chrome/131.0.0.0 Safari/537.36"),
    "a word and no system": "ExampleLinkChecker/1.0",
    "a browser without a window": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0",
}
"""Crawlers whose declarations differ. `test_user_agent_corpora.py` has thousands."""

CHROME = ANDROID.format("10; K", "Chrome/120.0.0.0 Mobile Safari/537.36")
PEOPLE = {
    "Chrome": CHROME,
    "Opera Mini on feature phones": "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) "
    "Presto/2.5.25 Version/10.54",
    "UC Browser on feature phones": "UCWEB/2.0 (MIDP-2.0; U; Adr 9; en-US; vivo 1904) U2/1.0.0 UCBrowser/12.12.9.1226",
    "Facebook Lite": ANDROID.format("12; wv", "Chrome/118.0 Mobile Safari/537.36[FBAN/EMA;FBLC/bn_IN;FBAV/374.0.0]"),
    "imo": ANDROID.format("12; wv", "Version/4.0 Chrome/118.0 Mobile Safari/537.36 imoAndroid/2023.10.1051"),
    "a phone whose maker ends in bot": ANDROID.format("9; CUBOT_X19", "Chrome/100.0.0.0 Mobile Safari/537.36"),
    "a phone whose model is two words": ANDROID.format("7.0; M bot 60", "Chrome/67.0.3396.87 Mobile Safari/537.36"),
    "a model in brackets": ANDROID.format("11; Butterfly Bot (2022)", "Chrome/109.0.0.0 Mobile Safari/537.36"),
    "an app on Android": "okhttp/4.12.0",
    "an app with its own name": "KoyJabo/3.1 (Flutter)",
    "an app of Flutter": "Dart/3.2 (dart:io)",
    "a stored browser": "Facebook on iOS",
    "curl, as the manual shows it": "curl/8.4.0",
    "nothing": "",
}


def test_only_declared_crawlers_are_crawlers():
    assert [name for name, user_agent in CRAWLERS.items() if not is_bot(user_agent)] == []
    assert [name for name, user_agent in PEOPLE.items() if is_bot(user_agent)] == []
    assert not is_bot(None)


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def flags(site: Site) -> list[bool]:
    return [bool(flag) for (flag,) in site.rows("SELECT is_bot FROM visits ORDER BY id")]


def test_crawlers_are_counted_and_flagged_unless_it_is_said_otherwise(site):
    assert site.register("crawler", userAgent=GOOGLEBOT).ordinal == 1
    assert site.register("ayesha", userAgent=CHROME).ordinal == 2
    assert flags(site) == [True, False]
    assert site.stats()["activeUsers"] == 2
    for sent, flag in (({"visitorId": "crawler"}, True), ({"visitorId": "ayesha", "userAgent": CHROME}, False)):
        assert site.post(json=sent, headers={"User-Agent": GOOGLEBOT}).status_code == 200
        assert flags(site)[-1] is flag, "the header tells where the body does not"


def test_crawler_that_is_ignored_gets_the_numbers_and_is_counted_nowhere(site):
    site.settings["BOT_POLICY"] = "ignore"
    site.restart()
    site.register("ayesha", userAgent=CHROME)
    with nothing_counted(site):
        for agent in CRAWLERS.values():
            answer = site.post(json={"visitorId": "crawler", "visitId": "1", "userAgent": agent})
            assert answer.status_code == 200
            assert list(answer.json) == ["success", "visit", "stats"]
            assert answer.json["visit"] is None
            assert answer.json["stats"]["totalVisits"] == 1
        heartbeat = site.post("/api/visitor/heartbeat", json={"visitorId": "crawler"})
        assert heartbeat.status_code == 404
    assert site.register("babul", userAgent=CHROME).ordinal == 2
    assert site.post(json={"visitorId": "two words", "userAgent": GOOGLEBOT}).status_code == 400
