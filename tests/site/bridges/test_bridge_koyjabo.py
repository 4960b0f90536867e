"""POST and GET /gh with BRIDGES=koyjabo: koyjabo.com registers visits and reads numbers here (docs/bridges.md)."""

import json

from support.application.site import Site, assert_error, nothing_counted, site_fixture
from support.assertions.openapi import assert_described

VISITOR = "visitor_1702757318000_a1b2c3d4e"
REQUEST = "7f1f2c2e-4f3a-4a53-8f0e-5b1c6c1f9f11"
LEFT_OUT = object()
PATH = "/gh?r=d&p=data/stats/global.json"


site = site_fixture(BRIDGES="koyjabo", STARTING_TOTAL=4000)


def sent(**changed) -> dict:
    """The body that koyjabo.com's analyticsService.ts sends."""
    data = json.dumps({"visitorId": VISITOR, "userId": "anonymous"})
    body = {"requestId": REQUEST, "action": "record-visit", "email": "", "passwordHash": "", "userId": ""}
    return {name: value for name, value in {**body, "data": data, **changed}.items() if value is not LEFT_OUT}


def test_a_bridged_visit_counts_once_by_its_request_id_and_stores_no_user(site):
    before = site.client.get(PATH).json
    data = json.dumps({"visitorId": VISITOR, "userId": "user-77"})
    request = sent(email="a@example.com", userId="user-77", data=data)
    for _ in range(2):
        answer = site.post("/gh", json=request, headers={"User-Agent": "Mozilla/5.0 (Linux; Android 14) Firefox/130"})
        assert (answer.status_code, answer.data) == (204, b"")
        assert_described(site, answer)
    shown = site.client.get(PATH)
    assert shown.json == {name: number + 1 for name, number in before.items()}
    assert list(shown.json) == ["totalVisits", "todayVisits", "uniqueVisitors"]
    assert_described(site, shown)
    stored = "SELECT visitor_id, visit_id, user_agent, user_id, attended_ms FROM visits ORDER BY id DESC LIMIT 1"
    ((visitor, visit, agent, user, attended_ms),) = site.rows(stored)
    assert (visitor, visit, user, attended_ms) == (VISITOR, REQUEST, None, None)
    assert "Firefox" in agent
    assert "user-77" not in repr(site.contents())
    # the same visit sent through the other call is a retry
    assert site.register(VISITOR, visitId=REQUEST).duplicate


def test_a_visit_that_cannot_be_counted_exactly_is_refused(site):
    wrong = [("requestId", value) for value in (LEFT_OUT, None, "")]
    wrong += [("data", value) for value in (LEFT_OUT, "no json", "[]", {"visitorId": VISITOR})]
    wrong += [("data", json.dumps({"visitorId": "not/valid"}))]
    with nothing_counted(site):
        for field, value in wrong:
            answer = site.post("/gh", json=sent(**{field: value}))
            assert_error(answer, 400, "invalid_input", field)
            assert_described(site, answer)


def test_other_actions_and_files_are_not_bridged(site):
    with nothing_counted(site):
        for body in (sent(action="login"), sent(action=LEFT_OUT), sent(action="record-visit ", requestId=None)):
            assert_error(site.post("/gh", json=body), 404, "not_bridged")
        for path in ("/gh", "/gh?r=d&p=data/users/index.json", "/gh?r=d"):
            assert_error(site.client.get(path), 404, "not_bridged")
        for method in ("PUT", "PATCH", "DELETE"):
            assert_error(site.client.open("/gh", method=method), 404, "not_bridged")


def test_a_page_of_any_origin_may_call_the_bridge(site):
    headers = {"Origin": "https://koyjabo.com", "Access-Control-Request-Method": "POST"}
    preflight = site.client.options("/gh", headers={**headers, "Access-Control-Request-Headers": "content-type"})
    assert preflight.status_code == 204
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    for answer in (preflight, site.client.get(PATH, headers=headers), site.post("/gh", json={}, headers=headers)):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_bridged_visit_with_a_privacy_signal_is_anonymous(site):
    before = site.stats()["totalVisits"]
    for _ in range(2):
        answer = site.post("/gh", json=sent(requestId="private"), headers={"Sec-GPC": "1"})
        assert answer.status_code == 204
    assert site.stats()["totalVisits"] == before + 1
    ((visitor, visit),) = site.rows("SELECT visitor_id, visit_id FROM visits ORDER BY id DESC LIMIT 1")
    assert visitor != VISITOR
    assert visit != "private"


def test_bridged_visits_share_the_limits_of_registrations(sqlite_database):
    with Site(sqlite_database.url, BRIDGES="koyjabo", RATE_LIMIT_REGISTRATIONS=2) as site:
        caller = {"environ_overrides": {"REMOTE_ADDR": "103.4.147.9"}}
        answers = [site.post("/gh", json=sent(requestId=str(number)), **caller) for number in range(2)]
        answers.append(site.post(json={"visitorId": VISITOR}, **caller))
        assert [answer.status_code for answer in answers] == [204, 204, 429]
        refused = site.post("/gh", json=sent(requestId="3"), **caller)
        assert_error(refused, 429, "rate_limited")
        assert "Retry-After" in refused.headers
        assert site.stats()["totalVisits"] == 2


def test_a_server_without_the_setting_has_no_bridge(sqlite_database):
    """test_loading proves that its modules are not loaded either."""
    with Site(sqlite_database.url, BRIDGES="") as site:
        assert "/gh" not in site.client.get("/openapi.json").json["paths"]
        assert site.client.get(PATH).json["code"] == "not_found"
        assert "Access-Control-Allow-Origin" not in site.client.options("/gh").headers
