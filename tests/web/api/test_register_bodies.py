"""POST /api/visitor/register: the body as a whole, its type and its size; and what is no registration at all."""

from __future__ import annotations

import gzip
from io import BytesIO

from support.app_fixtures import assert_error, nothing_counted

GOOD = b'{"visitorId": "ayesha"}'
LARGEST = 16 * 1024
NO_OBJECTS = (
    *(b"", b" ", b"visitorId=ayesha", b'"ayesha"', b"null", b"5", b"[]", b'[{"visitorId": "ayesha"}]', b"\x00"),
    *(b'{"visitorId": "ayesha"', b'{"visitorId": "ayesha"} {}', b"{'visitorId': 'ayesha'}"),
    *(
        b'{"visitorId": "ayesha", "page": "\xff"}',
        b'{"visitorId": "ayesha", "more": ' + b"[" * 4000 + b"]" * 4000 + b"}",
    ),
    *(b"[" * 8000, b'{"a":' * 3000),
)
TYPES = ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json")
TYPES += ("text/plain", "text/plain;charset=UTF-8")
OTHER_TYPES = (
    *({}, {"Content-Type": ""}, {"Content-Type": "application/x-www-form-urlencoded"}),
    *(
        {"Content-Type": f"{media}"}
        for media in ("multipart/form-data; boundary=x", "text/html", "application/octet-stream")
    ),
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    {"Content-Type": "text/plain", "Content-Encoding": "br"},
)


def padded(size: int) -> bytes:
    return b'{"visitorId": "ayesha", "more": "%s"}' % (b"x" * (size - 35))


def test_body_that_is_no_json_object_is_refused(site):
    with nothing_counted(site):
        for body in NO_OBJECTS:
            for media in ("application/json", "text/plain"):
                assert_error(site.post(data=body, content_type=media), 400, "invalid_json")


def test_json_is_taken_under_any_name_of_it(site):
    before = site.stats()["totalVisits"]
    told = [site.post(data=GOOD, content_type=media).json["stats"]["totalVisits"] for media in TYPES]
    assert told == [before + 1 + number for number in range(len(TYPES))]


def test_anything_else_is_unsupported(site):
    with nothing_counted(site):
        for headers in OTHER_TYPES:
            for body in (GOOD, gzip.compress(GOOD)):
                assert_error(site.post(data=body, headers=headers), 415, "unsupported_media_type")


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
