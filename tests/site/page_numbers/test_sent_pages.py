"""How the server reads the pages that clients name: one rule for visits, events, badges, frames and lists."""

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase

from koyjabo.base.core.urls import page_of, sent_page
from koyjabo.site.page_numbers.page_numbers import MAX_PATHS, PATHS_OF_A_REGISTRATION

PAGES = {
    "/posts/a": ["/posts/a", "/posts/a?utm_source=x", "/posts/%61#top", " /posts/a\n", "/x/../posts/a"],
    "/posts/b": [
        "https://me.example/posts/b",
        "HTTPS://Me.Example:8443/posts/b?x#y",
        "http://me:pass@me.example/posts/b",
    ],
    "/%E0%A6%AC": ["/ব", "https://বাংলা.example/ব", "/%e0%a6%ac"],
    "/": ["/", "https://me.example", "http://me.example?x=/y", "https://me.example/"],
    "//cdn.example/a": ["//cdn.example/a", "https://me.example//cdn.example/a"],
    "/https://me.example/a": ["/https://me.example/a", "https://web.example/https://me.example/a"],
}
"""What clients send, by the page it names."""

NO_PAGES = (
    "posts/1", "posts", "?page=1", "#top", " ", "me.example/a", "www.me.example", "https:/me.example/a", "https:a",
    "http:///a", "javascript:alert(1)", "file:///home/a", "content://media/7", "/C:/a.html", "about:blank", "null",
    "data:text/html,a", "blob:https://me.example/1", "android-app://me.example/a", "capacitor://localhost/a",
    "%2Fposts%2F1", "https%3A%2F%2Fme.example%2Fa", "\\posts\\a", "https:\\\\me.example\\a", "undefined",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("pages") / "pages.db")
    with Site(database.url, PAGE_NUMBERS="*") as site:
        yield site


def test_an_address_of_the_web_is_the_page_of_its_path():
    assert {page: {page_of(sent) for sent in PAGES[page]} for page in PAGES} == {page: {page} for page in PAGES}


def test_a_text_that_is_no_path_names_no_page():
    assert {sent: page_of(sent) for sent in NO_PAGES} == dict.fromkeys(NO_PAGES)


def test_only_the_beginning_of_a_long_address_is_read():
    assert sent_page("/" + "%61" * 600) == "/" + "a" * 511
    assert sent_page("/" + "a/../" * 1_000 + "end") != "/end"


def test_paths_count_towards_the_limit_of_their_address(sqlite_database):
    with Site(sqlite_database.url, PAGE_NUMBERS="*", RATE_LIMIT_REGISTRATIONS=1) as site:

        def ask(address: str, call: str = "pages"):
            paths = [("path", f"/{number}") for number in range(MAX_PATHS)]
            return site.client.get(f"/api/{call}", query_string=paths, environ_overrides={"REMOTE_ADDR": address})

        times = PATHS_OF_A_REGISTRATION // MAX_PATHS
        assert [ask("203.0.113.7").status_code == 429 for _ in range(times + 1)] == [False] * times + [True]
        refused = ask("203.0.113.7", "stream")
        assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask("203.0.113.8").status_code != 429


@pytest.mark.parametrize("sent", ["posts/1", "javascript:alert(1)", "me.example/a", "?a=1"])
def test_a_wrong_page_is_refused_and_a_visit_counts_without_it(site, sent):
    event = {"visitorId": "a", "events": [{"id": "1", "name": "pageview", "page": sent}]}
    refused = {
        "events.0.page": site.post("/api/events", json=event),
        "path": site.client.get("/api/pages", query_string={"path": sent}),
    }
    assert {field: (answer.status_code, list(answer.json["details"])) for field, answer in refused.items()} == {
        field: (400, [field]) for field in refused
    }
    assert site.client.get("/badge.svg", query_string={"value": "page", "page": sent}).status_code == 400
    assert site.client.get("/embed", query_string={"value": "page", "page": sent}).status_code == 400
    assert site.client.get("/api/stream", query_string={"path": sent}).status_code == 400
    before = site.stats()["totalVisits"]
    assert site.register("a", page=sent).ordinal == before + 1
    assert site.client.get("/v.gif", query_string={"page": sent}).status_code == 200
    assert site.stats()["totalVisits"] == before + 2
