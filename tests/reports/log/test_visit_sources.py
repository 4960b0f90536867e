from hypothesis import given
from hypothesis import strategies as st
from support.corpora import sources
from support.runs.fuzz_effort import effort

from koyjabo.base.core.urls import origin_of
from koyjabo.reports.log.trait_parser import Sources

OWN = Sources(["live.koyjabo.com", "www.koyjabo.com"])


def test_another_referrer_is_named_by_its_registrable_domain():
    expected = {
        "https://blog.example.co.uk:8443/a": "example.co.uk",
        "http://WWW.Example.ORG/": "example.org",
        "https://someone.github.io/": "someone.github.io",
        "https://www.prothomalo.com.bd/a/b": "prothomalo.com.bd",
        "example.com": "example.com",
        "android-app://com.example.reader/": "com.example.reader",
        "http://192.168.0.7:3000/": "192.168.0.7",
        "http://[::1]:3000/": "::1",
        "https://example.com./": "example.com",
    }
    assert {referrer: OWN.of(referrer) for referrer in expected} == {
        referrer: (name, "referral") for referrer, name in expected.items()
    }


def test_listed_host_has_its_entrys_channel_and_not_its_parent_domains():
    expected = {
        "search google.com": ["images.google.com", "www.google.com.bd", "scholar.google.com", "google.co.uk"],
        "search duckduckgo.com": ["duckduckgo.com"],
        "social x.com": ["t.co", "x.com"],
        "social telegram.org": ["t.me"],
        "ai chatgpt.com": ["chatgpt.com"],
        "search yahoo.com": ["r.search.yahoo.com", "in.search.yahoo.com", "yahoo.com"],
        "search yandex.com": ["ya.ru", "yandex.kz"],
        "social pinterest.com": ["www.pinterest.co.uk", "www.pinterest.de", "in.pinterest.com"],
        "social whatsapp.com": ["l.wl.co"],
        "social facebook.com": ["m.facebook.com", "fb.me", "web.facebook.com", "bn-in.facebook.com"],
        "social tumblr.com": ["ayesha.tumblr.com"],
        "ai aistudio.google.com": ["aistudio.google.com"],
        "ai deepseek.com": ["chat.deepseek.com"],
    }
    parts = ["classroom.google.com", "calendar.google.com", "play.google.com", "login.yahoo.com", "login.live.com"]
    parts += ["business.facebook.com", "news.google.com", "platform.deepseek.com", "pages.github.com"]
    sources = {host: f"{OWN.of(f'https://{host}/').channel} {OWN.of(f'https://{host}/').domain}" for host in parts}
    assert sources == {host: f"referral {host}" for host in parts}
    assert OWN.of("android-app://com.facebook.katana/") == ("facebook.com", "social")
    assert expected == {
        name: [host for host in hosts if OWN.of(f"https://{host}/") == tuple(reversed(name.split()))]
        for name, hosts in expected.items()
    }


PORTALS = {
    *("brisbane.t-online.de", "cercato.it", "cnn.com", "darkoogle.com", "dizionario.it.msn.com", "fastweb.it"),
    *("gooofullsearch.com", "hledani.tiscali.cz", "lemoteur.orange.fr", "meta.rrzn.uni-hannover.de", "msnbc.msn.com"),
    *("navigationshilfe.t-online.de", "qbyrd.com", "s2.metacrawler.de", "s3.metacrawler.de", "serach.centrum.cz"),
    *("sougou.com", "start.facemoods.com", "verden.abcsok.no", "web.gougou.com", "webfetch.com", "www2.austronaut.at"),
    "ys.mirostart.com",
}
"""Hosts that the list names after another company's search engine, and that are not for searches."""

NO_SEARCH = {"amazon.com", "login.live.com"}
"""A shop, and a login that once belonged to a social network."""


def test_every_entry_of_the_list_has_its_class():
    listed, _ = sources.agreements()
    assert listed.wrong.keys() == PORTALS | NO_SEARCH
    assert listed.right > 1500


def test_no_site_own_pages_and_invalid_addresses_are_no_source():
    addresses = ["null", "about:blank", "data:text/html,<p>", "blob:https://example.com/1", "file:///C:/a", None, ""]
    addresses += ["https://live.koyjabo.com/", "https://koyjabo.com/map", "https://www.koyjabo.com", "//", "http://[/"]
    assert {OWN.of(address) for address in addresses} == {(None, "direct")}


def test_both_spellings_of_a_name_are_one_source_in_its_own_script():
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
def test_the_source_stays_when_the_path_is_taken_away(referrer):
    kept = origin_of(referrer)
    assert OWN.of(kept) == OWN.of(referrer)
    assert origin_of(kept) == kept
