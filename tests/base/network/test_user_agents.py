"""User agents: what is read from them, also in corpora of real browsers and crawlers, and whether crawlers count."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import yaml_rs  # device-detector needs it; PyYAML takes 60 times as long
from hypothesis import given, strategies as st
from support.application.site import Site, nothing_counted, site_fixture
from support.assertions.agreement import Agreement
from support.programs.processes import ROOT
from support.runs.fuzz_effort import effort
from support.runs.short_run import EVERYTHING

from koyjabo.base.network import crawlers, user_agents
from koyjabo.base.network.crawlers import is_bot

user_agents.load()  # outside the first timed example
crawlers.load()
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36"
TABLET = f"Mozilla/5.0 (Linux; Android 14; SM-X700) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.0 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone;", "iPad;").replace("CPU iPhone", "CPU")

KNOWN = {
    ANDROID: ("Chrome", "Android", "phone"),
    TABLET: ("Chrome", "Android", "tablet"),
    WINDOWS: ("Edge", "Windows", "desktop"),
    IPHONE: ("Safari", "iOS", "phone"),
    IPAD: ("Safari", "iOS", "tablet"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Googlebot", "", "desktop"),
    ANDROID + " Telegram-Android/11.5.3 (Samsung SM-A155F; Android 14; SDK 34)": ("Telegram", "Android", "phone"),
    "Mozilla/5.0 (Mobile; LYF/F90M; Android; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.0": ("Firefox", "KaiOS", "phone"),
    TABLET.replace("SM-X700", "HP Chromebook 13 G1"): ("Chrome", "Android", "desktop"),
    "Dalvik/2.1.0 (Linux; U; Android 14; SM-X700 Build/UP1A.231005.007)": ("Android", "Android", "tablet"),
    "Commuter/12 CFNetwork/1410.0.3 Darwin/22.6.0": ("Commuter", "iOS", "phone"),
    "Podcasts/1410.53 CFNetwork/1111 Darwin/19.0.0 (x86_64)": ("Podcasts", "macOS", "desktop"),
    "Mozilla/5.0 (X11; Linux armv7l; rv:1.9.2) Gecko/20100723 Firefox/3.5 Maemo Browser RX-51 N900": (
        *("Firefox", "Maemo", "phone"),
    ),
    "curl/8.5.0": ("curl", "", "desktop"),
    "": ("", "", ""),
}


def test_a_user_agent_and_its_reduced_text_name_the_same_browser_system_and_device():
    reduced = {user_agent: user_agents.reduced(user_agent) for user_agent in KNOWN}
    assert {user_agent: user_agents.parsed(user_agent) for user_agent in KNOWN} == KNOWN
    assert {user_agent: user_agents.parsed(reduced[user_agent]) for user_agent in KNOWN} == KNOWN
    assert [user_agents.reduced(agent) for agent in reduced.values()] == [*reduced.values()]
    assert not any(character.isdigit() for agent in reduced.values() for character in agent)


@effort(100)
@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z ]{1,20}/[0-9.]{1,6}( \([A-Za-z; ]{0,30}\))?( on [A-Z]{1,9})?"))
def test_a_reduced_user_agent_is_parsed_like_the_original_one(text):
    assert user_agents.parsed(user_agents.reduced(text)) == user_agents.parsed(text)


DEVICES = {
    **dict.fromkeys(("mobile", "smartphone", "phablet", "feature phone"), user_agents.PHONE),
    **{"tablet": user_agents.TABLET, "desktop": user_agents.DESKTOP},
}
"""Devices by their names in the corpora. Cars, televisions and other devices have no name here."""

NO_BROWSERS = ("bots", "clienthints", "feed_reader", "mediaplayer", "mobile_apps", "podcasting", "unknown")
"""Files of device-detector about crawlers, about programs that fetch feeds and files, and about other headers."""

BROWSER, STORED_BROWSER, CRAWLER = "browser is no crawler", "stored browser is no crawler", "crawler"
"""What is judged, next to devices. A text that replaces a user agent after 30 days is stored."""


def samples_of_browsers() -> dict[str, dict[str, str]]:
    listed = json.loads((ROOT / "node_modules/user-agents/dist/user-agents.json").read_text())
    lines = files("fake_useragent").joinpath("data/browsers.jsonl").read_text().splitlines()
    entries = [entry for name, some in device_detector() if not name.startswith(NO_BROWSERS) for entry in some]
    return {
        "user-agents": _devices((entry["userAgent"], entry["deviceCategory"]) for entry in listed),
        "fake-useragent": _devices((entry["useragent"], entry["type"]) for entry in map(json.loads, lines)),
        "device-detector": _devices((entry["user_agent"], entry["device"]["type"]) for entry in entries),
    }


def _devices(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Without EVERYTHING, the devices of a quarter of the entries."""
    return {agent: DEVICES.get(device, "") for agent, device in [*entries][:: 1 if EVERYTHING else 4]}


def samples_of_crawlers() -> dict[str, list[str]]:
    """User agents of crawlers, by corpus. HTTP libraries are none, because apps use them (decision 26)."""
    listed = json.loads(files("crawleruseragents").joinpath("crawler-user-agents.json").read_text())
    crawling = [crawler for crawler in listed if "http-library" not in crawler["tags"]]
    return {
        "device-detector": [entry["user_agent"] for entry in dict(device_detector())["bots"]],
        "crawler-user-agents": [instance for crawler in crawling for instance in crawler["instances"]],
    }


@cache
def device_detector() -> list[tuple[str, list[dict[str, Any]]]]:
    upstream = files("device_detector").joinpath("tests/fixtures/upstream").iterdir()
    tests = sorted((file for file in upstream if file.name.endswith(".yml")), key=lambda file: file.name)
    return [(file.name.removesuffix(".yml"), yaml_rs.loads(file.read_text())) for file in tests]


@pytest.fixture(scope="module")
def agreements() -> list[Agreement]:
    return list(all_agreements())


def all_agreements() -> Iterator[Agreement]:
    for corpus, samples in samples_of_browsers().items():
        read = {agent: user_agents.parsed(agent) for agent in samples}
        stored = {user_agents.written(its) for its in read.values()}
        for what, texts in {BROWSER: read, STORED_BROWSER: stored}.items():
            yield Agreement.of(what, corpus, ((text, "crawler" if is_bot(text) else "") for text in texts))
        for device in (user_agents.PHONE, user_agents.TABLET, user_agents.DESKTOP):
            own = ((agent, read[agent].device) for agent, its in samples.items() if its == device)
            yield Agreement.of(device, corpus, ((agent, its if its != device else "") for agent, its in own))
    for corpus, agents in samples_of_crawlers().items():
        yield Agreement.of(CRAWLER, corpus, ((agent, "" if is_bot(agent) else "person") for agent in agents))


LEAST = {  # wanted agreement for each corpus, in percent
    "phone": 99.0,
    "desktop": 97.5,  # a system that only phones and tablets have is never one, although some corpora say so
    "tablet": 81.0,  # a tablet whose browser says "Mobile" is known only by its model
    CRAWLER: 90.0,  # some have a bare name, which an app could have as well
}


def test_no_browser_of_the_corpora_counts_as_a_crawler(agreements):
    browsers = [agreement for agreement in agreements if agreement.what in (BROWSER, STORED_BROWSER)]
    assert sum(agreement.right for agreement in browsers) > (37_000 if EVERYTHING else 9_000)
    assert [agent for agreement in browsers for agent in agreement.wrong] == []


def test_the_crawlers_and_devices_of_the_corpora_are_recognised(agreements):
    judged = [agreement for agreement in agreements if agreement.what in LEAST]
    assert {(agreement.what, agreement.corpus.split()[0]) for agreement in judged} >= {
        (CRAWLER, "device-detector"),
        (CRAWLER, "crawler-user-agents"),
        ("phone", "user-agents"),
        ("phone", "fake-useragent"),
        ("phone", "device-detector"),
    }
    assert [agreement.row() for agreement in judged if agreement.share < LEAST[agreement.what]] == []


ON_ANDROID = "Mozilla/5.0 (Linux; Android {}) AppleWebKit/537.36 (KHTML, like Gecko) {}"
PHONE_OF_GOOGLE = (
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)
CRAWLERS = {
    "Googlebot": PHONE_OF_GOOGLE,
    "a crawler that no list has": "Mozilla/5.0 (compatible; ExampleSearchBot/1.0; +https://example.org/bot)",
    "a crawler next to an engine": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; ExampleCheck/2.0) Safari/537.36",
    "a word and no system": "ExampleLinkChecker/1.0",
    "a browser without a window": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0",
    "a crawler in a phone's place": ON_ANDROID.format(
        "13; Pixel 7; ExampleCrawler/3", "Chrome/131.0.0.0 Safari/537.36"
    ),
}
"""Crawlers whose declarations differ. The corpora have thousands."""

CHROME = ON_ANDROID.format("10; K", "Chrome/120.0.0.0 Mobile Safari/537.36")
PEOPLE = {
    "Chrome": CHROME,
    "UC Browser on feature phones": "UCWEB/2.0 (MIDP-2.0; U; Adr 9; en-US; vivo 1904) U2/1.0.0 UCBrowser/12.12.9.1226",
    "a phone whose model is two words": ON_ANDROID.format("7.0; M bot 60", "Chrome/67.0.3396.87 Mobile Safari/537.36"),
    "a model in brackets": ON_ANDROID.format("11; Butterfly Bot (2022)", "Chrome/109.0.0.0 Mobile Safari/537.36"),
    "an app with its own name": "KoyJabo/3.1 (Flutter)",
    "a stored browser": "Facebook on iOS",
    "curl, as the manual shows it": "curl/8.4.0",
    "nothing": "",
}


def test_only_a_program_that_declares_itself_is_a_crawler():
    assert [name for name, user_agent in CRAWLERS.items() if not is_bot(user_agent)] == []
    assert [name for name, user_agent in PEOPLE.items() if is_bot(user_agent)] == []
    assert not is_bot(None)


site = site_fixture()


def flags(site: Site) -> list[bool]:
    return [bool(flag) for (flag,) in site.rows("SELECT is_bot FROM visits ORDER BY id")]


def test_a_crawler_is_counted_and_marked_as_a_bot_by_default(site):
    assert site.register("crawler", userAgent=PHONE_OF_GOOGLE).ordinal == 1
    assert site.register("ayesha", userAgent=CHROME).ordinal == 2
    assert flags(site) == [True, False]
    assert site.stats()["activeUsers"] == 2
    for sent, flag in (({"visitorId": "crawler"}, True), ({"visitorId": "ayesha", "userAgent": CHROME}, False)):
        assert site.post(json=sent, headers={"User-Agent": PHONE_OF_GOOGLE}).status_code == 200
        assert flags(site)[-1] is flag, "the header tells where the body does not"


def test_an_ignored_crawler_gets_the_stats_and_is_counted_nowhere(site):
    site.settings["BOT_POLICY"] = "ignore"
    site.restart()
    site.register("ayesha", userAgent=CHROME)
    with nothing_counted(site):
        answer = site.post(json={"visitorId": "crawler", "visitId": "1", "userAgent": PHONE_OF_GOOGLE})
        assert (answer.status_code, list(answer.json)) == (200, ["success", "visit", "stats"])
        assert (answer.json["visit"], answer.json["stats"]["totalVisits"]) == (None, 1)
        assert site.heartbeat("crawler").status_code == 404
    assert site.register("babul", userAgent=CHROME).ordinal == 2
    assert site.post(json={"visitorId": "two words", "userAgent": PHONE_OF_GOOGLE}).status_code == 400
