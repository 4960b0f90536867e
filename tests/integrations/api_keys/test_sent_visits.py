"""`POST /api/visits`: each visit counts once, and an invalid one gets an error at its position."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from support.application.site import Site, assert_error, nothing_counted, site_fixture
from support.assertions.ledger import assert_verified
from support.people.accounts import new_admin, sign_up
from support.people.api_keys import call, key
from support.programs.patience import BEHIND_S
from support.programs.processes import wait_until

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.counting.incoming import SEND_AGAIN, VISITS_PER_COMMIT

PATH = "/api/visits"
BERLIN = "91.0.0.1"
PAGE = {
    "page": "/fares?utm_source=newsletter",
    "referrer": "https://news.example/a?b=c",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "communityId": None,
}


site = site_fixture()


@pytest.fixture
def text(site) -> str:
    return key(new_admin(site), "visits:write")


def visit(number: int, **fields):
    return {"visitorId": f"v{number}", "visitId": f"r{number}", **fields}


def send(site, text, *visits, **request):
    return call(site, text, PATH, "POST", json={"visits": list(visits)}, **request)


def results(site, text, *visits):
    answer = send(site, text, *visits)
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


@pytest.mark.both_kinds
def test_the_visits_of_a_list_are_counted_once_and_in_their_order(site, text):
    site.register("before")
    visits = [visit(1), visit(2), visit(1), visit(3)]
    counted = [{"ordinal": n, "duplicate": False} for n in (2, 3, 4)]
    first, second, third = counted
    assert results(site, text, *visits) == [first, second, {**first, "duplicate": True}, third]
    with nothing_counted(site):
        assert results(site, text, *visits) == [
            {**receipt, "duplicate": True} for receipt in (first, second, first, third)
        ]
    assert site.stats()["totalVisits"] == 4
    assert site.recount() == []


def test_an_invalid_visit_is_an_error_at_its_position_and_the_other_visits_count(site, text):
    bad = [
        ({"visitId": "r"}, "visitorId"),
        ({"visitorId": "v"}, "visitId"),
        (visit(5, visitId=None), "visitId"),
        (visit(5, at="yesterday"), "at"),
        (visit(5, waitedMs="an hour"), "waitedMs"),
        (visit(5, address="localhost"), "address"),
        (visit(5, page=7), "page"),
        ("visit", "visit"),
    ]
    answers = results(site, text, visit(1), *(visit for visit, _field in bad), visit(2))
    assert [answers[0]["ordinal"], answers[-1]["ordinal"]] == [1, 2]
    for answer, (_visit, field) in zip(answers[1:-1], bad, strict=True):
        assert (answer["code"], list(answer["details"])) == ("invalid_input", [field])
    (unknown,) = results(site, text, visit(9, communityId="1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"))
    assert unknown["code"] == "unknown_community"
    assert site.stats()["totalVisits"] == 2


def test_a_sent_visit_is_stored_like_a_visit_from_a_page(site, text):
    """The sending server's own address, languages and headers are not the visitor's, and are not stored."""
    environ = {"REMOTE_ADDR": BERLIN}
    site.post(json={**PAGE, "visitorId": "v1", "visitId": "r1", "timestamp": 1}, headers={"Accept-Language": "bn-BD"})
    sent = visit(2, **PAGE, at=1, language="bn-BD,en;q=0.5")
    own = {"Sec-GPC": "1", "DNT": "1", "Accept-Language": "de", "User-Agent": "python-requests/2.32"}
    assert send(site, text, sent, headers=own, environ_overrides=environ).json["results"][0]["ordinal"] == 2
    columns = "place, client_ms, page, referrer, user_agent, campaign, language, is_bot, day"
    by_page, by_server = site.rows(f"SELECT {columns} FROM visits ORDER BY ordinal")
    assert by_page == by_server
    assert by_page[0] == "Unknown"


def test_an_address_gives_the_location_of_a_visit_and_is_not_stored(site, text, monkeypatch):
    looked_up = []
    monkeypatch.setattr(
        "koyjabo.base.network.location_finder.LocationFinder.locate",
        lambda self, address, has_city=True: looked_up.append((address, has_city)) or "Berlin, DE",
    )
    results(site, text, visit(1, address=BERLIN), visit(2, address="2001:db8:0:0::7"))
    assert looked_up[-2:] == [(BERLIN, True), ("2001:db8::7", True)]
    stored = str(site.rows("SELECT * FROM visits"))
    assert "Berlin, DE" in stored
    assert BERLIN not in stored


def test_a_sent_visit_keeps_its_time_and_counts_for_the_servers_day(site, text):
    results(site, text, visit(1, at="2020-01-01T00:00:00+06:00"))
    results(site, text, visit(2, waitedMs=3_600_000))
    columns = "client_ms, waited_ms, day"
    assert site.rows(f"SELECT {columns} FROM visits ORDER BY id") == [
        (1_577_815_200_000, None, "2025-12-16"),
        (None, 3_600_000, "2025-12-16"),
    ]
    assert site.stats()["todayVisits"] == 2


def test_a_closed_community_counts_the_visits_that_its_server_sends(site, text):
    """Visits that anyone could send count only if they come from members."""
    founder = sign_up(site, "founder")
    made = founder.post("/api/communities", json={"name": "Closed", "open": False}).json["id"]
    results(site, text, visit(1, communityId=made.upper()))
    assert site.rows("SELECT total FROM counters WHERE scope = :scope", scope=made) == [(1,)]


def test_an_ignored_crawler_gets_no_visit_number_and_a_line_in_the_log(database, caplog):
    caplog.set_level(logging.DEBUG)
    with Site(database.url, BOT_POLICY="ignore") as site:
        text = key(new_admin(site), "visits:write")
        bot = visit(1, userAgent="Googlebot/2.1 (+http://www.google.com/bot.html)")
        ignored = {"ordinal": None, "duplicate": False}
        assert results(site, text, bot, visit(2), bot) == [ignored, {"ordinal": 1, "duplicate": False}, ignored]
        assert caplog.messages.count("bot_ignored") == 2


def test_a_list_has_at_most_500_visits_and_1_mb(site, text):
    with nothing_counted(site):
        assert_error(send(site, text, *map(visit, range(501))), 400, "invalid_input", "visits")
        assert_error(call(site, text, PATH, "POST", json={"visits": {}}), 400, "invalid_input", "visits")
        too_large = json.dumps({"visits": [visit(1)]}).ljust(1024 * 1024 + 1)
        sent = {"data": too_large, "content_type": "application/json"}
        assert_error(call(site, text, PATH, "POST", **sent), 413, "body_too_large")
    largest = json.dumps({"visits": [visit(1, referrer="x" * 900_000)]}).ljust(1024 * 1024)
    answer = call(site, text, PATH, "POST", data=largest, content_type="application/json")
    assert answer.json["results"] == [{"ordinal": 1, "duplicate": False}]


def test_a_partly_counted_list_has_to_be_sent_again(site, text, monkeypatch):
    """After a hundred visits have been counted, the external id in the last visit cannot be resolved."""
    visits = [visit(number) for number in range(VISITS_PER_COMMIT)]

    def resolve(ref: str) -> str:
        raise LedgerUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(site.services.identities, "community_id", resolve)
        answer = send(site, text, *visits, visit(VISITS_PER_COMMIT, communityId="mirpur"))
    assert_error(answer, 503, "ledger_unavailable")
    assert answer.json["error"] == SEND_AGAIN
    results = send(site, text, *visits).json["results"]
    assert [(result["ordinal"], result["duplicate"]) for result in results] == [
        (n + 1, True) for n in range(VISITS_PER_COMMIT)
    ]


LISTS, SIZE = 12, 500


@pytest.mark.long(
    proved_by="integrations/api_keys/test_sent_visits.py::test_the_visits_of_a_list_are_counted_once_and_in_their_order"
)
def test_a_list_of_visits_that_a_kill_interrupts_is_counted_once_after_a_retry(database, new_server):
    server = new_server(database, RATE_LIMIT_KEYS=0).start()
    text = server.koyjabo("key", "create", "App", "--scope", "visits:write").stdout.strip()
    headers = {"Authorization": f"Bearer {text}"}

    def send(number: int) -> list[int]:
        """Repeat until there is a response, as a client would."""
        visits = [visit(number * SIZE + index) for index in range(SIZE)]

        def answer() -> requests.Response | None:
            with suppress(OSError):
                response = requests.post(
                    f"{server.url}{PATH}", json={"visits": visits}, headers=headers, timeout=BEHIND_S
                )
                assert response.status_code in (200, 503), response.text
                return response if response.ok else None

        return [result["ordinal"] for result in wait_until(answer, "a response", BEHIND_S).json()["results"]]

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send, number) for number in range(LISTS)]
        wait_until(lambda: sum(request.done() for request in sending) >= LISTS // 3, "some are counted")
        server.kill()
        server.start()
        ordinals = [ordinal for request in sending for ordinal in request.result()]
    assert sorted(ordinals) == list(range(1, LISTS * SIZE + 1))
    assert server.stats().total == LISTS * SIZE
    assert_verified(server)
