"""/embed is the only page that any site may frame. Without scripts it shows the current number or a line of error."""

import re

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site, nothing_counted
from support.people.page_readers import words

from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, STARTING_TOTAL="4000") as site:
        site.register("ayesha")
        yield site


def ask(site: Site, query: str = "", **headers: str):
    return site.client.get(f"/embed{query}", headers={**HTML, **headers})


def may_be_framed(answer) -> bool:
    headers = answer.headers
    says = "frame-ancestors *" in headers["Content-Security-Policy"]
    assert says == ("X-Frame-Options" not in headers)
    assert ("frame-ancestors 'none'" in headers["Content-Security-Policy"]) != says
    return says


def test_only_the_page_for_frames_may_be_framed_and_loaded_by_other_sites(site):
    for path in ("/embed", "/embed/", "/embed?value=today&lang=bn&theme=dark&counts=1"):
        answer = site.client.get(path, headers=HTML)
        assert answer.status_code == 200
        assert may_be_framed(answer)
        assert "<h1>" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
        assert not {"Set-Cookie", "Cross-Origin-Opener-Policy"} & set(answer.headers.keys())
    for path in ("/embedded", "/", "/login", "/nothing", "/badge.svg"):
        assert not may_be_framed(site.client.get(path, headers=HTML)), path
        assert not may_be_framed(site.client.post(path, headers=HTML)), path


NUMBERS = {"": "4,001", "?lang=bn": "৪,০০১", "?value=today&lang=en": "1", "?value=visitors": "1"}


def test_a_frame_shows_the_current_number_and_counts_nothing(site):
    with nothing_counted(site):
        pages = {query: ask(site, query, Accept_Language="en").text for query in NUMBERS}
    for query, page in pages.items():
        assert f">{NUMBERS[query]}</koyjabo-count>" in page
        assert len(page) < 2000


def test_a_frame_shows_the_views_of_a_page_or_a_dash(sqlite_database):
    with Site(sqlite_database.url) as site:
        site.register("ayesha", page="/posts/a")
        numbers = []
        for setting, page in (("", "/posts/a"), ("/posts/*", "/posts/a"), ("/posts/*", "/drafts/a")):
            site.services[StoredSettings].change(OPERATOR, PAGE_NUMBERS=setting)
            answer = when_counted(site, f"/embed?value=page&page={page}&lang=en", **HTML)
            assert (answer.status_code, may_be_framed(answer)) == (200, True)
            count = rf'<koyjabo-count value="page" lang="en" page="{page}" counts="false" views="false">(.*?)</koyjabo'
            numbers.append(re.findall(count, answer.text))
        assert numbers == [["–"], ["1"], ["–"]]


def test_an_error_in_a_frame_is_one_line_that_names_the_invalid_parameter(site):
    unknown = "value=online&community=1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    for query in ("value=x", "value=online", "lang=de", "theme=blue", "style=flat", "page=/a&lang=de", unknown):
        answer = ask(site, f"?{query}")
        assert (answer.status_code, may_be_framed(answer)) == (404 if query == unknown else 400, True)
        name = "community" if "online" in query else query.partition("=")[0]
        (line,) = re.findall("<main>(.*)</main>", answer.text)
        assert (name in words(line).lower(), len(words(line)) < 80) == (True, True)
        assert not re.search("<(a|form|button|nav|header|footer)\\b", answer.text)
