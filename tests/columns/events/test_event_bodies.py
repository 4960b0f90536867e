"""POST /api/events, field by field: what is refused, and what is stored for accepted values."""

import json

from support.application.site import Site, assert_error, site_fixture

HUGE = int("9" * 400)


site = site_fixture(is_shared=True)


def send(site: Site, *events: object, **fields: object):
    body = json.dumps({"visitorId": "ayesha", "events": list(events), **fields})
    return site.post("/api/events", data=body, content_type="application/json")


def event(**fields: object) -> dict[str, object]:
    return {"id": "1", "name": "search", **fields}


def rows(site: Site) -> list[tuple]:
    return site.rows("SELECT * FROM events ORDER BY id")


def kept(site: Site, column: str, **fields: object) -> object:
    """The value stored in `column` for an event with these fields."""
    site.rows("DELETE FROM events")
    answer = send(site, event(**fields))
    assert (answer.status_code, answer.json) == (200, {"accepted": 1, "duplicates": 0}), answer.text
    return site.rows(f"SELECT {column} FROM events")[0][0]


BAD_FIELDS = [
    *[("id", bad) for bad in (None, "", "a" * 129, "a b", "~made-up", "é", 5, True, ["1"])],
    *[("name", bad) for bad in (None, "", "Search", "1st", "_a", "a" * 65, "a-b", "a b", "খোঁজ", 5, True, [])],
    *[("page", bad) for bad in (5, 1.5, True, ["x"], {"x": 1})],
    *[("at", bad) for bad in ("abc", "", "12.5", 12.5, True, [], {})],
    *[("props", bad) for bad in (5, "x", True, [], [["a", 1]])],
    *[("props", {"a": bad}) for bad in (None, [], {}, ["x"], {"x": 1}, float("nan"), float("inf"))],
    *[("props", {bad: 1}) for bad in ("", "a b", "1a", "a" * 65, "a.b", "দূর", "a\0")],
    ("props", {f"p{number}": 1 for number in range(11)}),
]


def test_a_bad_field_refuses_the_whole_batch_and_is_named(site):
    before = rows(site)
    for field, bad in BAD_FIELDS:
        answer = send(site, event(), event(**{"id": "2", field: bad}))
        assert_error(answer, 400, "invalid_input", f"events.1.{field}")
    for missing in ("id", "name"):
        sent = {name: value for name, value in event().items() if name != missing}
        assert_error(send(site, sent), 400, "invalid_input", f"events.0.{missing}")
    for bad in (None, {}, "x", 5, [], [event(id=str(number)) for number in range(51)]):
        assert_error(send(site, events=bad), 400, "invalid_input", "events")
    assert rows(site) == before


def test_all_bad_fields_are_named_in_one_response(site):
    answer = send(site, event(id="", name="A"), "an event", event(props=5), visitorId="a b")
    fields = ("visitorId", "events.0.id", "events.0.name", "events.1", "events.2.props")
    assert_error(answer, 400, "invalid_input", *fields)


PROPS = (
    ({"to": "Mirpur 10", "n": 5, "far": True}, {"to": "Mirpur 10", "n": "5", "far": "true"}),
    ({"half": 0.5, "whole": 5.0, "tiny": 1e-9}, {"half": "0.5", "whole": "5", "tiny": "1e-09"}),
    ({"long": "ক" * 500}, {"long": "ক" * 120}),
    ({"many": HUGE}, {"many": "9" * 120}),
    ({"odd": "a\0b\ud800"}, {"odd": "a\ufffdb\ufffd"}),
    ({"p" * 64: "x", "A_1": "y"}, {"p" * 64: "x", "A_1": "y"}),
    ({f"p{number}": "x" for number in range(10)}, {f"p{number}": "x" for number in range(10)}),
    ({"empty": ""}, None),
    ({}, None),
    (None, None),
)
PAGES = {
    **{"/history?q=1#top": "/history", "https://me.example/a?b": "/a", "/a\0b": "/a%EF%BF%BDb"},
    **{"/" + "x" * 600: "/" + "x" * 511, "": None, None: None},
}
MOMENTS = {1702757318000: 1702757318000, "5": 5, None: None, HUGE: None}


def test_the_properties_of_an_event_are_stored_as_texts(site):
    for sent, stored in PROPS:
        result = kept(site, "props", props=sent)
        assert (json.loads(result) if result else result) == stored


def test_an_event_keeps_its_page_without_the_query_and_the_time_of_the_client(site):
    assert {sent: kept(site, "page", page=sent) for sent in PAGES} == PAGES
    assert {sent: kept(site, "client_ms", at=sent) for sent in MOMENTS} == MOMENTS


def test_a_body_that_is_no_json_object_or_too_large_is_refused(site):
    assert_error(site.post("/api/events", data=b"{}", content_type="text/html"), 415, "unsupported_media_type")
    assert_error(site.post("/api/events", data=b"[]", content_type="application/json"), 400, "invalid_json")
    assert site.post("/api/events", data=b"x" * 17_000, content_type="application/json").status_code == 413
