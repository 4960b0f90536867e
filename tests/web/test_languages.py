"""Pages in the visitor's language and theme: words, digits, and the format of numbers and times."""

import re

import pytest
from support.application.site import site_fixture

from koyjabo.web import i18n

BANGLA = {"Accept-Language": "bn-BD,bn;q=0.9,en;q=0.8"}
NUMBERS = {0: ["0", "০"], 999: ["999", "৯৯৯"], 1000: ["1,000", "১,০০০"], 4001: ["4,001", "৪,০০১"]}
NUMBERS |= {-4001: ["-4,001", "-৪,০০১"], 1_234_567: ["1,234,567", "১২,৩৪,৫৬৭"]}
PERCENTAGES = {0: ["0%", "০%"], 14.5: ["14.5%", "১৪.৫%"], -33.333: ["-33.33%", "-৩৩.৩৩%"]}
PERCENTAGES |= {123_456: ["123,456%", "১,২৩,৪৫৬%"]}
SHARES = {8: ["8.0%", "৮.০%"], 33.84: ["33.8%", "৩৩.৮%"]}
PLACES = {"Bangladesh": ["Bangladesh", "বাংলাদেশ"], "Unknown": ["Unknown", "অজানা"]}

site = site_fixture(is_shared=True)


@pytest.fixture
def client(site):
    return site.app.test_client()


def test_a_page_has_the_language_of_the_browser_until_its_reader_chooses_another_one(client):
    assert '<html lang="en"' in client.get("/").text
    assert '<html lang="bn"' in client.get("/", headers=BANGLA).text
    assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "fr, de;q=0.5"}).text
    answer = client.post("/language", data={"language": "bn", "next": "/login"})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert '<html lang="bn"' in client.get("/").text
    client.post("/language", data={"language": "en"})
    assert '<html lang="en"' in client.get("/", headers=BANGLA).text


def test_numbers_and_places_have_the_format_of_the_language(site):
    for write, texts in (
        (i18n.count, NUMBERS),
        (i18n.percent, PERCENTAGES),
        (i18n.share, SHARES),
        (i18n.place, PLACES),
    ):
        assert {value: written(site, write, value) for value in texts} == texts


def test_a_time_is_local_and_in_the_format_of_the_language(site):
    moment = written(site, i18n.moment, 1_765_860_518_412)
    assert moment[0] == '<time datetime="2025-12-16T04:48:38.412Z">16 Dec 2025, 10:48</time>'
    assert "১৬ ডিসেম্বর ২০২৫, ১০:৪৮" in moment[1]


def test_a_time_in_a_list_has_no_date_for_a_day(site):
    now_ms = site.services.clock.now_ms()
    times = [written(site, lambda ms: i18n.age(ms, ""), now_ms - hours * 3_600_000)[0] for hours in (2, 25)]
    assert [bool(re.search(r" data-until=.*>\d\d:\d\d</time>", time)) for time in times] == [True, False]
    assert re.search(r">\d+ \w{3}, \d\d:\d\d</time>", times[1])


def written(site, write, value) -> list[str]:
    texts = []
    for headers in ({}, BANGLA):
        with site.app.test_request_context(headers=headers):
            texts.append(str(write(value)))
    return texts


def theme_of(client) -> str:
    html = client.get("/login").text.split("<head>")[0]
    return html.partition('data-theme="')[2].partition('"')[0]


def test_the_theme_follows_the_system_until_a_reader_chooses_one(client):
    assert theme_of(client) == ""
    for unknown in ("", "blue", "<b>", "dark\n"):
        answer = client.post("/theme", data={"theme": "dark", "next": "/login"})
        assert (answer.status_code, answer.location) == (303, "/login")
        assert theme_of(client) == "dark"
        assert client.post("/theme", data={"theme": unknown}).status_code == 303
        assert theme_of(client) == ""
    assert client.post("/theme", data={"theme": "dark", "next": "//elsewhere.example"}).location == "/"


def test_another_site_cannot_change_the_language_or_the_theme(site):
    """Pages without a referrer send `Origin: null`."""
    forms = {"/language": {"language": "bn"}, "/theme": {"theme": "dark"}}
    for path, data in forms.items():
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}):
            refused = site.app.test_client().post(path, data=data, headers=headers)
            assert (refused.status_code, refused.headers.getlist("Set-Cookie")) == (403, []), (path, headers)
        for headers in ({"Origin": "http://localhost"}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}):
            assert site.app.test_client().post(path, data=data, headers=headers).status_code == 303, (path, headers)
