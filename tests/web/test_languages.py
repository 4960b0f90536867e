"""Pages in the visitor's language and theme: words, digits, and the format of numbers and times."""

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase
from support.programs.processes import ROOT

from koyjabo.web import i18n as languages

BANGLA = {"Accept-Language": "bn-BD,bn;q=0.9,en;q=0.8"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("languages")
    with Site(SqliteDatabase.migrated(folder / "site.db").url, STARTING_TOTAL="4000") as site:
        yield site


@pytest.fixture
def client(site):
    return site.app.test_client()


def test_browser_chooses_the_language(client):
    assert '<html lang="en"' in client.get("/").text
    assert '<html lang="bn"' in client.get("/", headers=BANGLA).text
    assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "fr, de;q=0.5"}).text


def test_visitor_chooses_another_one_and_it_stays(client):
    answer = client.post("/language", data={"language": "bn", "next": "/login"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert '<html lang="bn"' in client.get("/").text
    client.post("/language", data={"language": "en"})
    assert '<html lang="en"' in client.get("/", headers=BANGLA).text


def test_bangla_has_one_word_for_one_thing():
    """The words that were given up, and the one that stays."""
    text = (ROOT / "koyjabo/translations/bn/LC_MESSAGES/messages.po").read_text().replace('"\n"', "")
    given_up = {
        "প্রতিবেদন": "রিপোর্ট",
        "লগ ইন": "লগইন",
        "লগ আউট": "লগআউট",
        "অপারেটর": "পরিচালক",
        "দর্শনার্থী": "ভিজিটর",
        "হুবহু": "সঠিক",
        "চাবি": "এপিআই কী",
    }
    assert [word for word, kept in given_up.items() if word in text or kept not in text] == []


def test_documents_say_in_bangla_that_they_are_in_english(client):
    """The chrome is in the language of the page."""
    page = client.get("/docs/backup.md", headers=BANGLA).text
    assert "এই পাতাটি ইংরেজিতে।" in page
    assert '<html lang="bn"' in page
    assert '<article class="guide" lang="en">' in page
    assert "in English." not in client.get("/docs/backup.md").text


NUMBERS = {0: ["0", "০"], 999: ["999", "৯৯৯"], 1000: ["1,000", "১,০০০"], 4001: ["4,001", "৪,০০১"]}
NUMBERS |= {-4001: ["-4,001", "-৪,০০১"], 1_234_567: ["1,234,567", "১২,৩৪,৫৬৭"]}
SHARES = {0: ["0", "০"], 14.5: ["14.5", "১৪.৫"], -33.333: ["-33.33", "-৩৩.৩৩"], 123_456: ["123,456", "১,২৩,৪৫৬"]}


def test_numbers_and_percentages_are_grouped_from_1000_on(site):
    assert {number: written(site, languages.count, number) for number in NUMBERS} == NUMBERS
    for share, texts in SHARES.items():
        assert written(site, languages.percent, share) == [f"{text}%" for text in texts]
    assert [written(site, languages.share, share) for share in (8, 33.84)] == [["8.0%", "৮.০%"], ["33.8%", "৩৩.৮%"]]


def test_places_are_named_in_the_language(site):
    assert written(site, languages.place, "Bangladesh") == ["Bangladesh", "বাংলাদেশ"]
    assert written(site, languages.place, "Unknown") == ["Unknown", "অজানা"]


def test_times_are_local_and_written_as_people_write_them(site):
    moment = written(site, languages.moment, 1_765_860_518_412)
    assert moment[0] == '<time datetime="2025-12-16T04:48:38.412Z">16 Dec 2025, 10:48</time>'
    assert "১৬ ডিসেম্বর ২০২৫, ১০:৪৮" in moment[1]


def written(site, write, value):
    """The value in English and in Bangla."""
    made = []
    for headers in ({}, BANGLA):
        with site.app.test_request_context(headers=headers):
            made.append(str(write(value)))
    return made


def theme_of(client) -> str:
    html = client.get("/login").text.split("<head>")[0]
    return html.partition('data-theme="')[2].partition('"')[0]


def test_theme_follows_the_system_until_a_user_chooses_one(client):
    assert theme_of(client) == ""
    answer = client.post("/theme", data={"theme": "dark", "next": "/login"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert theme_of(client) == "dark"
    assert client.get("/login").text.count('aria-current="true"') == 2  # the theme and the language
    client.post("/theme", data={"theme": ""})
    assert theme_of(client) == ""


def test_unknown_theme_resets_the_choice_and_next_stays_on_this_site(client):
    for theme in ("blue", "<b>", "dark\n"):
        client.post("/theme", data={"theme": "light"})
        assert client.post("/theme", data={"theme": theme}).status_code == 303
        assert theme_of(client) == ""
    assert client.post("/theme", data={"theme": "dark", "next": "//elsewhere.example"}).location == "/"


def test_another_site_chooses_neither_language_nor_theme(site):
    """Pages without a referrer send `Origin: null`."""
    sent = {"/language": {"language": "bn"}, "/theme": {"theme": "dark"}}
    for path, data in sent.items():
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}):
            refused = site.app.test_client().post(path, data=data, headers=headers)
            assert (refused.status_code, refused.headers.getlist("Set-Cookie")) == (403, []), (path, headers)
        for headers in ({"Origin": "http://localhost"}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}):
            assert site.app.test_client().post(path, data=data, headers=headers).status_code == 303, (path, headers)
