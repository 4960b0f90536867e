"""The source and the channel of visits that follow a campaign's link."""

from urllib.parse import quote_plus

import pytest
from support.programs.processes import ROOT

from koyjabo.base.network import campaigns
from koyjabo.columns.dimensions import source_names
from koyjabo.columns.dimensions.dimensions import CHANNELS, dimension_of
from koyjabo.columns.dimensions.sources import Sources

SOURCES = Sources(["live.koyjabo.com"])
PUBLISHED = ROOT / "tests" / "columns" / "dimensions" / "campaigns.txt"
REFERRER = "https://example.com/"


def source(name: str | None, medium: str = "", referrer: str | None = None) -> tuple[str | None, str]:
    parameters = {"utm_source": name, "utm_medium": medium, "utm_campaign": "eid"}
    campaign = "&".join(f"{key}={quote_plus(value)}" for key, value in parameters.items() if value)
    return tuple(SOURCES.of_visit(referrer, campaign))


def test_the_source_of_a_visit_is_its_utm_source_and_otherwise_its_referrer():
    assert source("instagram", referrer=REFERRER) == ("instagram.com", "social")
    assert source(None, referrer=REFERRER) == ("example.com", "referral")
    assert source("(direct)", referrer=REFERRER) == ("example.com", "referral")
    assert source(None) == (None, "campaign")


def test_the_usual_names_of_a_source_are_one_domain():
    expected = {
        "instagram.com": ["ig", "Instagram", "l.instagram.com", "ig_web_copy_link", "insta"],
        "facebook.com": ["fb", "m.facebook.com", "Facebook", "FB-Ads", "facebook_group", "meta"],
        "x.com": ["x", "t.co", "twitter", "Twitter.com", "twitter_post"],
        "youtube.com": ["yt", "YouTube", "youtu.be"],
        "whatsapp.com": ["wa", "whatsapp", "wa.me"],
        "google.com": ["google", "www.google.com.bd", "adwords", "google_ads_T1"],
        "play.google.com": ["google play"],
        "pythonweekly.com": ["www.pythonweekly.com", "https://www.pythonweekly.com/"],
    }
    assert expected == {
        domain: [name for name in names if source(name)[0] == domain] for domain, names in expected.items()
    }


def test_an_unknown_utm_source_is_its_own_value_in_lower_case():
    names = ["Poster 7", "NewsLetter", "hackernewsletter", "xylophone", "v1.2", "live.koyjabo.com", "ÉTÉ 2026"]
    assert [source(name)[0] for name in names] == [name.lower() for name in names]
    assert {dimension_of("source").stored(name) for name in names} == {name.lower() for name in names}


def test_the_channel_follows_the_medium_by_the_published_table_and_then_the_source():
    expected = {
        ("google", "cpc"): "paid_search",
        ("google", "organic"): "search",
        ("fb", "CPC"): "paid_social",
        ("shop.example", "paid_social"): "paid_social",
        ("youtube", "cpv"): "paid_video",
        ("etsy.com", "cpc"): "paid_shopping",
        ("somewhere", "retargeting"): "paid_other",
        ("somewhere", "cpm"): "display",
        ("somewhere", "Banner"): "display",
        ("fb", "e_mail"): "email",
        ("somewhere", "newsletter"): "email",
        ("somewhere", "affiliate"): "affiliate",
        ("somewhere", "sms"): "sms",
        ("somewhere", "web_push"): "push",
        ("somewhere", "mobile-web"): "campaign",
        ("somewhere", "audio"): "audio",
        ("somewhere", "social media"): "social",
        ("chatgpt.com", "referral"): "ai",
        ("somewhere", "referral"): "referral",
        ("fb", "qr"): "campaign",
        ("fb", "story"): "social",
        ("somewhere", "story"): "campaign",
        ("sms", ""): "sms",
        ("example.com", ""): "referral",
    }
    assert {pair: source(*pair)[1] for pair in expected} == expected
    assert set(expected.values()) - {"referral"} <= CHANNELS.keys()


@pytest.mark.parametrize("part", ["names", "alone"])
def test_a_name_means_a_domain_that_the_lists_know(part):
    domains = source_names._data()[part]
    assert [domain for domain in domains if SOURCES.of(domain).domain != domain] == []
    named = {name: domain for domain, names in domains.items() for name in names if name != "X (Twitter)"}
    assert {name: source_names.domain_of(name) for name in named} == named


def test_nine_of_ten_campaigns_of_other_people_have_the_source_and_channel_a_marketer_would_write():
    rows = [line.split("|") for line in PUBLISHED.read_text("utf-8").splitlines() if not line.startswith("#")]
    read = [tuple(SOURCES.of_visit(None, campaigns.of_page(address))) for *_, address in rows]
    right = sum(pair == (named, channel) for pair, (named, channel, *_) in zip(read, rows, strict=True))
    assert len({address for *_, address in rows}) == len(rows) >= 300
    assert right >= 0.9 * len(rows), [rows[at] for at, pair in enumerate(read) if pair != tuple(rows[at][:2])]
