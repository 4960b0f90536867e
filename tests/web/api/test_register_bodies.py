"""POST /api/visitor/register: the body as a whole, its type and its size; and what is no registration at all."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest
from support.app_fixtures import Site, assert_error, nothing_counted
from support.databases import SqliteDatabase

GOOD = b'{"visitorId": "ayesha"}'
LARGEST = 16 * 1024


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("site") / "koyjabo.db").url) as site:
        site.register("somebody")
        yield site


def padded(size: int) -> bytes:
    return b'{"visitorId": "ayesha", "more": "%s"}' % (b"x" * (size - 35))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"visitorId=ayesha",
        b'{"visitorId": "ayesha"',
        b'{"visitorId": "ayesha"} {}',
        b"{'visitorId': 'ayesha'}",
        b"[]",
        b'[{"visitorId": "ayesha"}]',
        b'"ayesha"',
        b"null",
        b"5",
        b'{"visitorId": "ayesha", "page": "\xff"}',
        b"\x00",
        b"[" * 8000,
        b'{"visitorId": "ayesha", "more": ' + b"[" * 4000 + b"]" * 4000 + b"}",
        b'{"a":' * 3000,
    ],
    ids=lambda body: repr(body[:32]),
)
@pytest.mark.parametrize("media", ["application/json", "text/plain"])
def test_body_that_is_no_json_object_is_refused(site, body, media):
    with nothing_counted(site):
        assert_error(site.post(data=body, content_type=media), 400, "invalid_json")


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/problem+json",
    ],
)
def test_json_is_taken_under_any_name_of_it(site, media):
    before = site.stats()["totalVisits"]
    answer = site.post(data=GOOD, content_type=media)
    assert answer.json["stats"]["totalVisits"] == before + 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "text/plain", "Content-Encoding": "br"},
    ],
    ids=str,
)
def test_anything_else_is_unsupported(site, headers):
    with nothing_counted(site):
        assert_error(site.post(data=GOOD, headers=headers), 415, "unsupported_media_type")
        assert_error(site.post(data=gzip.compress(GOOD), headers=headers), 415, "unsupported_media_type")


def test_16_kb_are_taken_and_not_a_byte_more(site):
    before = site.stats()["totalVisits"]
    assert len(padded(LARGEST)) == LARGEST
    assert site.post(data=padded(LARGEST), content_type="application/json").status_code == 200
    assert site.stats()["totalVisits"] == before + 1
    with nothing_counted(site):
        for media in ("application/json", "text/plain"):
            for size in (LARGEST + 1, 100 * LARGEST):
                assert_error(site.post(data=padded(size), content_type=media), 413, "body_too_large")


def test_body_without_a_length_is_measured_too(site):
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    for size, status in ((LARGEST, 200), (LARGEST + 1, 413)):
        body = BytesIO(padded(size))
        answer = site.post(input_stream=body, content_type="application/json", environ_overrides=chunked)
        assert answer.status_code == status, answer.text


def test_unknown_fields_are_ignored(site):
    before = site.stats()["totalVisits"]
    more = rb'"ordinal": 7, "success": false, "at_ms": 1, "scope": "x", "stats": {"totalVisits": 1}, "\ud800": "\ud800"'
    answer = site.post(data=b'{"visitorId": "ayesha", ' + more + b"}", content_type="application/json")
    assert list(answer.json["visit"]) == ["ordinal", "today", "duplicate", "share"]
    assert (answer.json["visit"]["ordinal"], answer.json["visit"]["duplicate"]) == (before + 1, False)
    assert site.rows("SELECT scope, at_ms FROM visits ORDER BY id DESC LIMIT 1") == [("site", site.time.ms)]


def test_last_of_two_equal_keys_counts(site):
    answer = site.post(data=b'{"visitorId": "", "visitorId": "last_one"}', content_type="application/json")
    assert answer.status_code == 200
    assert site.rows("SELECT visitor_id FROM visits ORDER BY id DESC LIMIT 1") == [("last_one",)]


@pytest.mark.parametrize("path", ["/api/visitor/register", "/api/visitor/heartbeat"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_told_which_one_to_use(site, path, method):
    with nothing_counted(site):
        answer = site.client.open(path, method=method, json={"visitorId": "ayesha"})
        assert_error(answer, 405, "method_not_allowed")
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/visitor", "/api/visitor/registers", "/api/stats/x", "/nothing"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_path_is_not_found(site, path, method):
    with nothing_counted(site):
        assert_error(site.client.open(path, method=method, json={"visitorId": "ayesha"}), 404, "not_found")
