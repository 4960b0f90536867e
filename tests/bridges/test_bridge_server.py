"""Citinfos' tracker for programs, and what takes a real server: koyjabo.com's worker, sockets (docs/bridges.md)."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.application.site import Site
from support.clients.members import Member
from support.clients.websocket import WebSocket, say
from support.people.accounts import sign_up
from support.people.communities import found
from support.programs.installed import program

from koyjabo.bridges.citinfos.tracker import visitor_tracker as theirs
from koyjabo.core.clock import iso
from koyjabo.models import Scope
from koyjabo.presence import visitor_tracker as ours
from koyjabo.presence.services import PresenceServices

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("worker.mjs")
VISITOR = "visitor_1702757318000_a1b2c3d4e"
WORKER = "https://koyjabo-auth-proxy.example.workers.dev"
PATH = "/ws/analytics/visitors/"


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    settings = {"BRIDGES": "koyjabo,citinfos", "TRUSTED_PROXIES": 1, "LEAVE_GRACE_SECONDS": 0}
    return module_servers(module_sqlite_database, **settings).start()


def post(**body: str) -> dict:
    headers = {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}
    headers |= {"CF-Connecting-IP": "103.4.147.9", "Accept-Language": "bn-BD"}
    return {"url": f"{WORKER}/gh", "method": "POST", "headers": headers, "body": json.dumps(body)}


def visit(request_id: str) -> dict:
    data = json.dumps({"visitorId": VISITOR, "userId": "anonymous"})
    return post(requestId=request_id, action="record-visit", email="", passwordHash="", userId="", data=data)


def get(path: str) -> dict:
    return {"url": f"{WORKER}/gh?r=d&p={path}", "method": "GET", "headers": {}}


def test_lines_for_the_worker_forward_the_two_calls_and_nothing_else(server, tmp_path):
    node = program("node", "the worker's lines are JavaScript")
    blocks = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "bridges.md").read_text(), re.DOTALL)
    (lines,) = [block for block in blocks if "function askLiveServer" in block]
    assert lines.count("\n") <= 35
    file = tmp_path / "lines.js"
    file.write_text(lines)
    before, visitors = server.stats().total, server.get("/api/stats").json()["uniqueVisitors"]
    requests = [visit("one"), visit("one"), visit("two"), get("data/stats/global.json"), visit("")]
    requests += [post(requestId="three", action="login"), get("data/users/index.json"), post()]
    ended = subprocess.run(
        [node, str(SCRIPT), str(file), server.url],
        input=json.dumps(requests), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    answers = json.loads(ended.stdout)
    assert [each and each["status"] for each in answers] == [204, 204, 204, 200, 400, None, None, None]
    assert answers[0]["untouched"] is True
    assert all(each["headers"]["access-control-allow-origin"] == "https://koyjabo.com" for each in answers[:5])
    shown = json.loads(answers[3]["body"])
    assert shown == {"totalVisits": before + 2, "todayVisits": before + 2, "uniqueVisitors": visitors + 1}
    admin = Member(server)
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    found = (
        admin.call("GET", "/api/reports/breakdown?by=country")["rows"]
        + admin.call("GET", "/api/reports/breakdown?by=language")["rows"]
    )
    assert [row["value"] for row in found if row["value"]] == ["BD", "bn"]  # others have come without a header


def test_socket_of_the_site_tells_anyone_how_many_are_active(server):
    server.register("ayesha")
    active = server.stats().active
    with WebSocket(server.port, path=PATH) as socket:
        first = socket.event()
        assert (first["type"], first["community_id"], first["count"]) == ("visitor_count", None, active)
        assert socket.send(say(type="request_count", community_id=None)).event()["count"] == active
        server.register("babul")
        while (event := socket.event())["count"] == active:
            pass
        assert (event["type"], event["count"]) == ("visitor_count", active + 1)
        assert event["revision"] > first["revision"]
        assert socket.send(say(type="ping")).event()["type"] == "pong"


def test_socket_with_a_community_is_that_of_the_community(server):
    founder = Member(server)
    community = founder.found()
    with WebSocket(server.port, path=f"{PATH}?community_id={community}&token={founder.token}") as socket:
        first = socket.event()
        assert (first["type"], first["community_id"], first["count"]) == ("visitor_count", community, 1)
        assert socket.send(say(type="request_count", community_id=community)).event()["count"] == 1
        status = founder.call("GET", "/api/user/communities/status/")["communities"]
        assert [(each["online_count"], each["user_is_online"]) for each in status] == [(1, True)]
    for query, code in ((f"?community_id={community}", 4001), (f"?community_id=x&token={founder.token}", 4003)):
        with WebSocket(server.port, path=f"{PATH}{query}") as socket:
            assert socket.close_frame().code == code


def test_dashboard_answers_request_update_and_other_sockets_do_not(server):
    founder = Member(server)
    path = f"/ws/communities/{founder.found()}"
    with WebSocket(server.port, path=f"{path}/visitor-dashboard/?token={founder.token}") as socket:
        first = socket.event()
        answer = socket.send(say(type="request_update")).event()
        assert (answer["type"], answer["data"]["realtime_count"]) == (first["type"], 0)
    with WebSocket(server.port, path=f"{path}/visitors/?token={founder.token}") as socket:
        socket.event()
        refused = socket.send(say(type="request_update")).event()
        assert refused["type"] == "error"
        assert refused["message"] == refused["error"]


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def test_results_are_those_of_citinfos(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    community = found(ayesha)["id"]
    divisions = {"visitor_division_id": "d1", "community_division_id": "d2"}
    added = theirs.add_visitor(ayesha.id, community, **divisions, ip_address="103.4.147.9", user_agent="x")
    shown = {"visitor_division": "d1", "community_division": "d2"}
    assert added == {"current_count": 1, "is_cross_division": True, **shown}
    refused = theirs.add_visitor("anonymous_77", community, is_authenticated=False, device_fingerprint="77")
    assert (refused["current_count"], refused["is_cross_division"], bool(refused["error"])) == (1, False, True)
    assert theirs.add_visitor(babul.id, community)["is_cross_division"] is False
    assert ours.get_visitor_count(community) == 2
    first = {each["user_id"]: each for each in theirs.get_visitor_list(community)}[ayesha.id]
    assert (first["joined_at"], first["is_authenticated"]) == (iso(site.time.ms), True)
    site.services[PresenceServices].peaks.record(Scope(community), 7)
    assert theirs.get_peak_counts(community) == {"daily": 7, "weekly": 7, "monthly": 7}
    assert theirs.remove_visitor(ayesha.id, community) == 1


def test_application_knows_communities_and_where_users_have_logged_in(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    first, second = found(ayesha)["id"], found(ayesha)["id"]
    for community in (first, second):
        ours.add_visitor(ayesha.id, community)
    ours.add_visitor(babul.id, second)
    assert ours.get_user_visiting_communities(ayesha.id) == {first, second}
    assert ours.get_user_visiting_communities(babul.id) == {second}
    site.rows("UPDATE sessions SET place = 'Savar, BD'")
    assert ours.get_division_breakdown(second) == {"Dhaka": 2}
    site.rows(
        "INSERT INTO sessions (id, user_id, refresh_id, created_ms, expires_ms, place) "
        "SELECT 'newer', user_id, 'x', created_ms + 1, expires_ms, 'Sylhet, BD' FROM sessions WHERE user_id = :id",
        id=babul.id,
    )
    assert ours.get_division_breakdown(second) == {"Dhaka": 1, "Sylhet": 1}
    site.rows("UPDATE sessions SET revoked_ms = 1 WHERE id = 'newer'")
    assert ours.get_division_breakdown(second) == {"Dhaka": 2}
