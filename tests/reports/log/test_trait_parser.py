from hypothesis import given
from hypothesis import strategies as st
from support.runs.fuzz_effort import effort

from koyjabo.base.network import campaigns, languages, user_agents
from koyjabo.base.network.campaigns import Campaign
from koyjabo.reports.log.trait_parser import PARSED_FROM, RULES, ParsedTraits, TraitParser
from koyjabo.reports.query.dimensions import TRAITS

PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36"
PARSER = TraitParser(["live.koyjabo.com"])
user_agents.load()  # outside the first timed example
EMPTY = {**dict.fromkeys(PARSED_FROM), "place": "Unknown", "is_bot": False}


def parse(**columns):
    return PARSER.parse(**{**EMPTY, **columns})


def test_traits_are_read_from_a_visit_and_none_where_nothing_was_recorded():
    row = (PHONE, "https://l.facebook.com/l.php", "Dhaka, BD", "bn", "utm_source=fb&utm_term=bus", False)
    assert PARSER.parse(*row)._asdict() == {
        **dict.fromkeys(ParsedTraits._fields),
        **{"browser": "Chrome", "system": "Android", "device": "phone", "language": "bn"},
        **{"source": "facebook.com", "channel": "campaign", "utm_source": "fb", "utm_term": "bus"},
        **{"country": "BD", "city": "Dhaka, BD"},
    }
    traits = PARSER.parse(**EMPTY)._asdict()
    assert {name: value for name, value in traits.items() if value is not None} == {"channel": "direct"}
    assert parse(user_agent=PHONE, is_bot=True).device == parse(is_bot=True).device == "bot"
    for place, country in {"Bangladesh": "BD", "Nowhere, ZZ": None, "": None}.items():
        assert (parse(place=place).country, parse(place=place).city) == (country, None)


def test_other_traits_are_another_version_of_the_rules():
    """A change to TRAITS needs a new RULES version: otherwise visits read earlier would lack the new trait."""
    utm = "utm_source utm_medium utm_campaign utm_term utm_content"
    traits_of = {3: f"browser system device language source channel {utm} country city"}
    assert traits_of[RULES].split() == [*TRAITS]
    assert ParsedTraits._fields == TRAITS


def test_language_of_a_visit_is_the_first_of_the_header():
    expected = {"bn-BD,bn;q=0.9,en;q=0.8": "bn", " fil;q=0.5": "fil", "zh-Hant-TW": "zh"}
    expected |= dict.fromkeys(("*", "", None, "english"))
    assert {text: languages.first_of(text) for text in expected} == expected


def test_a_campaign_is_taken_from_the_query_of_the_page():
    expected = {
        "/": None,
        "/utm_source=x": None,
        "/?a=1&utm_medium=cpc&utm_source=Face+Book": "utm_source=Face+Book&utm_medium=cpc",
        "https://koyjabo.com/a?utm_campaign=%E0%A6%88%E0%A6%A6#x": "utm_campaign=%E0%A6%88%E0%A6%A6",
        "/?utm_source=&utm_source=a&utm_source=b": "utm_source=a",
        "/?utm_source=%20": None,
        "/?utm%5Fsource=a": "utm_source=a",
        "/?a=utm_source": None,
        "/#utm_source=a": "utm_source=a",
        "/?a=1?utm_source=b&amp;utm_term=c": "utm_source=b&utm_term=c",
        f"/?utm_term={'x' * 300}": f"utm_term={'x' * 120}",
    }
    assert {text: campaigns.of_page(text) for text in expected} == expected


@effort(100)
@given(st.text(max_size=60), st.text(max_size=300), st.text(max_size=30))
def test_a_stored_campaign_is_read_as_it_was_sent(source, term, rest):
    stored = campaigns.of_page(
        f"/{rest}?" + campaigns.urlencode({"utm_source": source, "utm_term": term}, errors="replace")
    )
    assert Campaign.read(stored).written() == stored


@effort(100)
@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50), st.text(max_size=20), st.text(max_size=50))
def test_no_text_breaks_the_parser(user_agent, referrer, place, language, campaign):
    traits = parse(user_agent=user_agent, referrer=referrer, place=place, language=language, campaign=campaign)
    assert traits.channel in ("direct", "campaign", "search", "social", "ai", "referral")
