from hypothesis import given
from hypothesis import strategies as st
from support.runs.fuzz_effort import effort

from koyjabo.core.urls import origin_of
from koyjabo.reports.log.trait_parser import Sources

OWN = Sources(["live.koyjabo.com", "www.koyjabo.com"])


def test_a_known_site_is_one_source_under_all_its_names():
    expected = {
        "https://m.facebook.com/": ("facebook.com", "social"),
        "https://lm.facebook.com/l.php": ("facebook.com", "social"),
        "https://fb.me/abc": ("facebook.com", "social"),
        "android-app://com.facebook.katana/": ("facebook.com", "social"),
        "https://www.google.com/": ("google.com", "search"),
        "https://google.co.uk": ("google.com", "search"),
        "android-app://com.google.android.googlequicksearchbox/": ("google.com", "search"),
        "https://mail.google.com/": ("mail.google.com", "referral"),
        "https://t.co/x": ("x.com", "social"),
        "https://x.com/": ("x.com", "social"),
        "https://t.me/x": ("telegram.org", "social"),
        "https://duckduckgo.com/": ("duckduckgo.com", "search"),
        "https://chatgpt.com/": ("chatgpt.com", "ai"),
        "https://www.perplexity.ai/search": ("perplexity.ai", "ai"),
        "https://gemini.google.com/app": ("gemini.google.com", "ai"),
    }
    assert {referrer: OWN.of(referrer) for referrer in expected} == expected


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


def test_own_pages_and_invalid_addresses_are_no_source():
    own = ["https://live.koyjabo.com/", "https://koyjabo.com/map", "https://www.koyjabo.com"]
    assert {OWN.of(referrer) for referrer in (None, "", *own, "//", "http://[/")} == {(None, "direct")}


@effort(100)
@given(st.text(max_size=60) | st.from_regex(r"[a-z-]{0,12}:?//[a-z.@:0-9]{0,20}[/a-z?#]{0,9}", fullmatch=True))
def test_the_source_stays_when_the_path_is_taken_away(referrer):
    kept = origin_of(referrer)
    assert OWN.of(kept) == OWN.of(referrer)
    assert origin_of(kept) == kept
