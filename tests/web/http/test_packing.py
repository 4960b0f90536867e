"""Pages and data are compressed if that is worthwhile, and their length reveals nothing about a secret."""

import gzip

import pytest
from support.people.page_readers import Reader

from koyjabo.web.http import packing

GZIP = {"Accept-Encoding": "gzip"}
PACKED = ["/", "/login", "/communities", "/docs", "/openapi.json", "/nothing-here"]
MORE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def admin(site, cast) -> Reader:
    cast.kept_community()
    return Reader(site).log_in("site_admin")


def test_pages_and_data_are_packed_for_those_who_unpack(site):
    for path in PACKED:
        plain = site.client.get(path, headers=MORE)
        packed = site.client.get(path, headers={**MORE, **GZIP})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        for answer in (plain, packed):
            assert "Accept-Encoding" in answer.vary, "a cache must not give one to the other"


def test_others_and_what_is_short_are_sent_as_they_are(site):
    for accepted in ("", "identity", "br", "gzip;q=0", "*;q=0"):
        assert "Content-Encoding" not in site.client.get("/", headers={"Accept-Encoding": accepted}).headers, accepted
    for path in ("/healthz", "/readyz", "/robots.txt", "/api/nothing"):
        answer = site.client.get(path, headers=GZIP)
        assert (len(answer.data) < 1024, "Content-Encoding" in answer.headers) == (True, False), path


def test_head_says_what_get_says(site):
    answers = [site.client.open("/", method=method, headers=GZIP) for method in ("GET", "HEAD")]
    headers = [{name: value for name, value in answer.headers.items() if name != "X-Request-Id"} for answer in answers]
    assert headers[0] == headers[1]
    assert answers[1].data == b""


def test_a_part_is_not_asked_for(site):
    answer = site.client.get("/", headers={**GZIP, "Range": "bytes=0-9"})
    assert (answer.status_code, "Content-Range" in answer.headers) == (200, False)


def test_answer_that_a_lane_may_give_is_not_packed_by_flask(site, monkeypatch):
    monkeypatch.setattr(packing, "SMALLEST", 1)
    client = site.app.test_client(use_cookies=False)
    for headers in (GZIP, {**GZIP, "Cookie": "language=bn"}):
        stats = client.get("/api/stats", headers=headers)
        registered = client.post("/api/visitor/register", headers=headers, json={"visitorId": "ayesha"})
        for answer in (stats, registered):
            assert not {"Content-Encoding", "Vary"} & set(answer.headers.keys())


def test_etag_goes_on_to_name_what_is_sent(site, cast, admin, monkeypatch):
    monkeypatch.setattr(packing, "SMALLEST", 1)
    path = f"/api/communities/{cast.kept_community()}/stats"
    first = admin.client.get(path, headers=GZIP)
    again = admin.client.get(path, headers={**GZIP, "If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert "Content-Encoding" not in first.headers


def test_export_is_sent_while_it_is_made(site, admin):
    form = {"csrf_token": admin.csrf, "what": "visits", "kind": "csv"}
    site.register("ayesha")
    answer = admin.client.post("/admin/data/export", headers={**admin.headers, **GZIP}, data=form)
    assert (answer.status_code, answer.is_streamed) == (200, True)
    assert "Content-Encoding" not in answer.headers


def test_answers_to_forms_are_not_packed(admin):
    """They may show a new key or code."""
    answer = admin.client.post("/account/password", headers={**admin.headers, **GZIP}, data={"csrf_token": admin.csrf})
    assert (answer.status_code, len(answer.data) > 1024) == (422, True)
    assert "Content-Encoding" not in answer.headers


def test_length_does_not_reveal_repeated_text_of_the_query(admin):
    """Right and wrong guesses of a form's token differ less than two responses to the same request."""

    def lengths(guess: str) -> set[int]:
        path = f"/account?csrf_token={guess}"
        return {len(admin.client.get(path, headers={**admin.headers, **GZIP}).data) for _ in range(20)}

    right, wrong = lengths(admin.csrf), lengths(admin.csrf[::-1])
    assert len(right) > 5
    assert max(min(right), min(wrong)) < min(max(right), max(wrong)), "the two overlap"


def test_page_is_padded_for_those_with_a_cookie_and_else_always_as_long(site):
    def lengths(**cookie: str) -> set[int]:
        headers = {**GZIP, **MORE, **cookie}
        client = site.app.test_client(use_cookies=False)
        return {len(client.get("/communities", headers=headers).data) for _ in range(5)}

    assert len(lengths()) == 1
    assert len(lengths(Cookie="language=en")) > 1
