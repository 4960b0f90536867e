"""POST /api/visitor/register: which bodies and fields are refused, and what is stored of accepted values."""

import gzip

from support.application.site import Site, assert_error, nothing_counted
from support.people.accounts import send as send_json
from support.people.visitor_ids import MISTAKEN_IDS, USED_IDS

ABSENT = object()
HUGE = int("9" * 400)
LONGEST = 512  # how many characters of a page are stored

BAD_FIELDS = {
    "visitorId": (ABSENT, None, 5, True, [], {}, *MISTAKEN_IDS, "a" * 129, "আয়েশা", "a b", " a", "a\n", "a/b", "a\0"),
    "timestamp": (
        *("abc", "", "12.5", "0x10", "1_000", "१२", 12.5, True, False, [], {}),
        *(float("nan"), float("inf"), [1702757318000]),
    ),
    "waitedMs": ("abc", "5", True, [], {}),
    **dict.fromkeys(("userAgent", "referrer", "page"), (5, 1.5, True, ["x"], {"x": 1})),
    "visitId": (*MISTAKEN_IDS, "a" * 129, "a b", "~made-up", "é", "a\n", 5, True, ["1"]),
    "communityId": (5, True, ["x"], {}),
    "anonymous": ("true", 1, "", []),
}
COLUMNS = {"userAgent": "user_agent", "referrer": "referrer"}
LONG_PAGE = "/map?fbclid=" + "x" * 3000 + "&utm_source=newsletter&utm_term=" + "y" * 300 + "#top"
STORED_VALUES = [  # (column, the fields of the body, what is stored)
    *(("visitor_id", {"visitorId": good}, good) for good in USED_IDS),
    ("visit_id", {"visitId": "+/=1"}, "+/=1"),
    ("waited_ms", {"waitedMs": 2500.7}, 2501),  # clients measure it with clocks that have fractions
    ("page", {"page": LONG_PAGE}, "/map"),
    ("campaign", {"page": LONG_PAGE}, "utm_source=newsletter&utm_term=" + "y" * 120),
    ("campaign", {"page": "/map?from=utm_source"}, None),
    ("page", {"page": "/" + "z" * 600 + "?utm_source=a"}, "/" + "z" * (LONGEST - 1)),
    *(("page", {"page": no_path}, None) for no_path in ("", "posts/1")),
    # An origin is scheme, host and port (RFC 6454), without a password.
    *(("referrer", {"referrer": empty}, None) for empty in ("direct", "", "?q=secret", "null", "about:blank")),
    *(("referrer", {"referrer": no_site}, None) for no_site in ("data:text/html,a", "file:///C:/a.html", "blob:a")),
    ("referrer", {"referrer": "https://google.com?q#x"}, "https://google.com"),
    ("referrer", {"referrer": "https://google.com/a/b?q=secret"}, "https://google.com/a/b"),
    ("referrer", {"referrer": "https://google.com/#secret?q"}, "https://google.com/"),
    ("referrer", {"referrer": f"https://google.com/a?q={'x' * 3000}"}, "https://google.com/a"),
    ("referrer", {"referrer": "https://me:secret@example.com/a"}, "https://example.com/a"),
    *(
        ("client_ms", {"timestamp": sent}, stored)
        for sent, stored in (
            *((1702757318000, 1702757318000), ("1702757318000", 1702757318000), (1702757318000.0, 1702757318000)),
            *((-5, -5), ("-5", -5), (0, 0), (2**63 - 1, 2**63 - 1), (None, None), (ABSENT, None)),
            *((value, None) for value in (2**63, HUGE, str(HUGE), -HUGE)),  # they do not fit into a database
        )
    ),
]


SAME_SITE = ("https://shop.example/a", "http://www.shop.example", "https://SHOP.example:8443/")
OTHER_SITES = ("https://blog.shop.example/", "https://shop.example.org/", "https://search.example/?q=shop.example")
GOOD = b'{"visitorId": "ayesha"}'
LARGEST = 16 * 1024
NO_OBJECTS = (
    *(b"", b" ", b"visitorId=ayesha", b'"ayesha"', b"null", b"5", b"[]", b'[{"visitorId": "ayesha"}]', b"\x00"),
    *(b'{"visitorId": "ayesha"', b'{"visitorId": "ayesha"} {}', b"{'visitorId': 'ayesha'}"),
    b'{"visitorId": "ayesha", "page": "\xff"}',
    *(b"[" * 8000, b'{"a":' * 3000),
)
TYPES = ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json")
TYPES += ("text/plain", "text/plain;charset=UTF-8")
OTHER_TYPES = ("", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html", "image/png")
REFUSED_BODIES = [  # (status, code, body, headers)
    *((400, "invalid_json", body, {"Content-Type": kind}) for body in NO_OBJECTS for kind in TYPES[::4]),
    *((415, "unsupported_media_type", GOOD, {"Content-Type": kind}) for kind in OTHER_TYPES),
    (415, "unsupported_media_type", GOOD, {}),
    (415, "unsupported_media_type", gzip.compress(GOOD), {"Content-Type": TYPES[0], "Content-Encoding": "gzip"}),
    (415, "unsupported_media_type", GOOD, {"Content-Type": "text/plain", "Content-Encoding": "br"}),
    *((413, "body_too_large", GOOD.ljust(size), {"Content-Type": TYPES[0]}) for size in (LARGEST + 1, 100 * LARGEST)),
]


def send(site: Site, headers: dict[str, str] | None = None, **fields: object):
    body = {"visitorId": "ayesha", **fields}
    body = {name: value for name, value in body.items() if value is not ABSENT}
    return send_json(site.client, "/api/visitor/register", body, headers=headers)


def kept(site: Site, column: str, headers: dict[str, str] | None = None, **fields: object) -> object:
    """Register a visit with these fields, and return the value in the ledger's `column`."""
    answer = send(site, headers, **fields)
    assert answer.status_code == 200, answer.text
    return site.rows(f"SELECT {column} FROM visits ORDER BY id DESC LIMIT 1")[0][0]


def test_a_refusal_names_each_invalid_field(site):
    with nothing_counted(site):
        for field, values in BAD_FIELDS.items():
            for bad in values:
                assert_error(send(site, **{field: bad}), 400, "invalid_input", field)
        answer = send(site, visitorId="", timestamp="soon", page=[], visitId="a b")
        assert_error(answer, 400, "invalid_input", "visitorId", "timestamp", "page", "visitId")


def test_the_fields_of_a_visit_are_stored(site):
    for column, fields, stored in STORED_VALUES:
        assert kept(site, column, **fields) == stored, fields
    assert (kept(site, "at_ms", timestamp=5), kept(site, "day", timestamp=5)) == (site.time.ms, "2025-12-16")
    for header, language in {"bn-BD,bn;q=0.9,en;q=0.8": "bn", "EN": "en", "*": None, "": None}.items():
        assert kept(site, "language", headers={"Accept-Language": header}) == language


def test_an_unknown_community_is_not_found(site):
    with nothing_counted(site):
        for community in ("", "00000000-0000-4000-8000-000000000000", "site", "x" * 600, "a\0b", "\ud800"):
            assert_error(send(site, communityId=community), 404, "unknown_community")


def test_the_header_idempotency_key_names_the_visit(site):
    for bad in ("", '""', "undefined", '"null"', "a b", "~x", "a" * 129, '"a" "b"'):
        assert_error(send(site, {"Idempotency-Key": bad}), 400, "invalid_input", "Idempotency-Key")
    for first, again in (("bare", "bare"), ('"quoted"', '"quoted"'), ("both", '"both"')):
        one, two = (send(site, {"Idempotency-Key": key}).json["visit"] for key in (first, again))
        assert (one["duplicate"], two) == (False, {**one, "duplicate": True})
    assert kept(site, "visit_id", {"Idempotency-Key": "of-header"}, visitId="of-body") == "of-body"
    assert kept(site, "visit_id", {"Idempotency-Key": "of-header"}) == "of-header"


def test_a_long_text_is_cut_and_the_user_agent_falls_back_to_the_header(site):
    for field, column in COLUMNS.items():
        headers = {"User-Agent": ""} if field == "userAgent" else {}
        assert kept(site, column, headers, **{field: "/ঢাকা"}) == "/ঢাকা"
        assert not kept(site, column, headers, **{field: None})
        assert not kept(site, column, headers)
        assert kept(site, column, **{field: "ক" * 2000}) == "ক" * LONGEST
    header = {"User-Agent": "Header/1"}
    assert kept(site, "user_agent", header) == kept(site, "user_agent", header, userAgent=None) == "Header/1"
    assert kept(site, "user_agent", header, userAgent="Body/2") == "Body/2"
    assert kept(site, "user_agent", {"User-Agent": "x" * 4000}) == "x" * LONGEST


def test_a_character_that_a_database_cannot_store_is_replaced(site):
    for bad in ("\0", "\ud83d", "\ude00\ud83d"):
        for field, column in COLUMNS.items():
            stored = kept(site, column, **{field: f"/a{bad}b"})
            assert (stored[:2], stored[-1:], "\0" in stored) == ("/a", "b", False)
            stored.encode()
    assert kept(site, "referrer", referrer="\ud83d\ude00") == "😀"  # two surrogates in the right order


def test_the_host_of_the_page_is_no_referrer(site):
    for origin in ("https://www.shop.example", "https://shop.example", "http://shop.example:3000"):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        assert [kept(site, "referrer", headers, referrer=own) for own in SAME_SITE] == [None] * len(SAME_SITE)
        assert all(kept(site, "referrer", headers, referrer=other) for other in OTHER_SITES)
    home = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert kept(site, "referrer", home, referrer="http://localhost/guide") is None
    for headers in ({}, {"Origin": "null"}):
        assert kept(site, "referrer", headers, referrer="https://shop.example/a") == "https://shop.example/a"


def test_a_page_on_a_disk_is_not_counted(site):
    before = site.stats()["totalVisits"]
    for page in ("file:///C:/Users/ayesha/a.html", "/C:/Users/ayesha/a.html", "content://media/7", "FILE:///home/a"):
        answer = site.post(json={"visitorId": "ayesha", "page": page})
        assert (answer.status_code, answer.get_json()["visit"]) == (200, None)
        assert site.client.get("/v.gif", query_string={"page": page}).status_code == 200
    assert site.stats()["totalVisits"] == before


def test_a_body_must_be_a_json_object_of_at_most_16_kb(site):
    with nothing_counted(site):
        for status, code, body, headers in REFUSED_BODIES:
            assert_error(site.post(data=body, headers=headers), status, code)
    for kind in TYPES:
        assert site.post(data=GOOD.ljust(LARGEST), content_type=kind).status_code == 200


def test_unknown_fields_are_ignored(site):
    more = rb'"ordinal": 7, "success": false, "at_ms": 1, "scope": "x", "stats": {"totalVisits": 1}, "\ud800": "\ud800"'
    answer = site.post(data=b'{"visitorId": "ayesha", ' + more + b"}", content_type="application/json")
    assert answer.json["success"] is True
    assert list(answer.json["visit"]) == ["ordinal", "today", "duplicate", "share"]
    assert site.rows("SELECT scope, ordinal, at_ms FROM visits ORDER BY id DESC LIMIT 1") == [
        ("site", answer.json["stats"]["totalVisits"], site.time.ms)
    ]
