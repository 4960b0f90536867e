"""/embed is the only page that any site may frame. It shows the current number without scripts."""

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site, nothing_counted
from support.people.page_readers import words

from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

HTML = {"Accept": "text/html"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL="4000") as site:
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


def test_page_of_the_frame_may_be_framed_and_loaded_anywhere(site):
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


def test_nothing_else_may_errors_included(site):
    for path in ("/embed?value=x", "/embed/more", "/embedded", "/", "/login", "/nothing", "/badge.svg"):
        assert not may_be_framed(site.client.get(path, headers=HTML)), path
        assert not may_be_framed(site.client.post(path, headers=HTML)), path


SHOWN = {"": "4,001 visits", "?lang=bn": "৪,০০১ ভিজিট", "?value=today&lang=en": "1 visits today"}
SHOWN |= {"?value=visitors": "1 unique visitors"}


def test_it_shows_the_number_of_the_moment_and_counts_nothing(site):
    with nothing_counted(site):
        pages = {query: ask(site, query, Accept_Language="en").text for query in SHOWN}
    for query, page in pages.items():
        assert SHOWN[query] in words(page)
        assert len(page) < 2000


def test_frame_shows_the_views_of_a_page(sqlite_database):
    with Site(sqlite_database.url, PAGE_NUMBERS="/posts/*") as site:
        site.register("ayesha", page="/posts/a")
        frame = when_counted(site, "/embed?value=page&page=/posts/a&lang=en", **HTML).text
        assert "1 views" in words(frame)
        assert '<koyjabo-count value="page" lang="en" page="/posts/a" counts="false">1</koyjabo-count>' in frame


def test_frame_of_a_page_that_shows_no_number_has_a_dash(site):
    for query in ("?value=page&page=/posts/a&lang=en", "?value=page&page=/drafts/a&lang=en"):
        answer = when_counted(site, f"/embed{query}", **HTML)
        assert (answer.status_code, may_be_framed(answer)) == (200, True)
        assert "– views" in words(answer.text)
        site.services[StoredSettings].change(OPERATOR, PAGE_NUMBERS="/posts/*")


def test_only_counts_1_lets_it_count(site):
    assert 'counts="false"' in ask(site).text
    assert 'counts="false"' in ask(site, "?counts=0").text
    assert "counts=" not in ask(site, "?counts=1").text


def test_wrong_parameter_is_named(site):
    for query in ("value=x", "value=online", "lang=de", "theme=blue", "style=flat", "page=/a"):
        answer = ask(site, f"?{query}")
        assert answer.status_code == 400
        name = "community" if query == "value=online" else query.partition("=")[0]
        assert f"{name}: " in words(answer.text)
