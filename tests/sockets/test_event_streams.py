"""Server-Sent Events: the events of a plain socket in an endless HTTP response."""

import json
import time
from http.client import HTTPResponse, IncompleteRead

import jwt
import pytest
import requests
from jsonschema import Draft202012Validator
from support.clients.connection import Connection, head
from support.clients.event_source import SITE, EventSource, StreamListener, of_community
from support.clients.members import Member, PlainMember
from support.programs.patience import PATIENCE_S
from support.programs.processes import SECRET, wait_until
from support.servers.changed_server import changed_server

LOOP, STREAMS = "koyjabo.server.websockets.connection_loop", "koyjabo.server.websockets.event_stream"
SWEEP = "koyjabo.server.websockets.sockets.SWEEP_INTERVAL_S"
TICK_S, QUIET_TICKS = 0.15, 4
GRACE_S, MILESTONE = 1, 30
ELSEWHERE = "https://elsewhere.example"
CHANGES = {f"{LOOP}.TICK_INTERVAL_S": TICK_S, SWEEP: 0.05, f"{STREAMS}.QUIET_TICKS": QUIET_TICKS}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"LEAVE_GRACE_SECONDS": GRACE_S, "PAGE_NUMBERS": "*", "MILESTONES": MILESTONE}
    with changed_server(tmp_path_factory.mktemp("server"), CHANGES, **settings) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        wait_until(lambda: not any(server.held().values()), "nothing is left of it")


def counted(server) -> float:
    name = 'koyjabo_connections_opened_total{kind="streams"}'
    return next(float(line.split()[-1]) for line in server.metrics().splitlines() if line.startswith(name))


def test_the_first_event_of_a_stream_is_the_current_state_and_every_change_follows(server):
    total, opened = server.register("ayesha").ordinal, counted(server)
    with EventSource(server.port, Last_Event_ID="0-1", Origin=ELSEWHERE) as source:
        headers = source.answer.headers
        assert (source.status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert (headers["Access-Control-Allow-Origin"], headers["Connection"]) == ("*", "close")
        assert not {"Content-Encoding", "Content-Length", "Transfer-Encoding"} & set(headers)
        first = next(source.blocks)
        stats = first.json()["stats"]
        assert (first.json()["type"], stats["totalVisits"]) == ("visitor_update", total)
        assert (first.event, first.retry) == ("message", 5000), "one block"
        assert first.id == f"{stats['epoch']}-{stats['revision']}"
        for visitor in ("karim", "nusrat"):
            receipt = server.register(visitor).ordinal
            while (received := source.event())["stats"]["totalVisits"] < receipt:
                pass
            assert received["stats"]["totalVisits"] == receipt
        assert counted(server) == opened + 1
        assert 'koyjabo_connections{kind="streams"} 1.0' in server.metrics()
        newest = f"{received['stats']['epoch']}-{received['stats']['revision']}"
    with EventSource(server.port, Last_Event_ID=newest) as again:
        lines = again.answer.iter_lines()
        assert [next(lines) for _ in range(2)] == ["retry: 5000", f"id: {newest}"], "one event"
        state = next(lines).removeprefix("data: ")
        assert json.loads(state) == received, "the present state, though it says that it knows it"
        # Comments in silence; test_silence.py has the times.
        assert [next(lines)[:1] for _ in range(4)] == ["", ":", "", ":"]


def test_data_after_the_request_ends_the_stream(server):
    with Connection(server.port) as connection:
        connection.send(head("GET", SITE) + head("GET", "/api/stats"))
        with pytest.raises(IncompleteRead) as ended:
            connection.answer("GET")
        assert ended.value.partial.startswith(b"retry: 5000\nid: ")


def test_each_event_of_a_stream_is_a_chunk_except_for_http_1_0(server):
    """Libraries such as requests show a body without chunks in blocks, so that the newest event would wait."""
    for version, is_chunked in ((b"HTTP/1.1", True), (b"HTTP/1.0", False)):
        with Connection(server.port) as connection:
            answer = HTTPResponse(connection.send(head("GET", SITE).replace(b"HTTP/1.1", version)).socket)
            answer.begin()
            assert (answer.chunked, answer.read1(12)) == (is_chunked, b"retry: 5000\n")


def test_a_refused_stream_gets_an_http_status(server):
    founder, stranger = Member(server), Member(server)
    community, hidden = founder.found(), founder.found(listed=False)
    claims = jwt.decode(stranger.token, options={"verify_signature": False})
    expired = jwt.encode({**claims, "exp": int(time.time()) - 60}, SECRET, "HS256")
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in founder.http.cookies)
    path = of_community(community)
    refused = [
        (path, {}, (401, "unauthenticated")),
        (of_community("no-community"), {}, (401, "unauthenticated")),
        (path, {"Authorization": "Bearer x.y.z"}, (401, "invalid_token")),
        (f"{path}?token={expired}", {}, (401, "token_expired")),
        (path, {"Cookie": cookies, "Origin": ELSEWHERE}, (401, "unauthenticated")),
        (path, stranger.bearer, (403, "forbidden")),
        (of_community(hidden), stranger.bearer, (404, "unknown_community")),
        (of_community("no-community"), stranger.bearer, (404, "unknown_community")),
    ]
    for where, headers, expected in refused:
        with EventSource(server.port, where, **headers) as source:
            assert source.answer.headers["Access-Control-Allow-Origin"] == "*"
            assert source.error == expected, (where, headers)
    for where, headers in ((f"{path}?token={founder.token}", {}), (path, {"Cookie": cookies})):
        with EventSource(server.port, where, **headers) as source:
            assert source.event()["type"] == "visitor_count"


def test_a_member_is_online_while_their_stream_is_open(server):
    founder = Member(server)
    community = founder.found()
    with PlainMember(server.port, community, founder.token) as plain:
        plain.wait_for_count(1)
        stream = StreamListener(server.port, of_community(community), Member(server).join(community).token)
        assert stream.next_of_type("visitor_count")["count"] == 2
        assert plain.wait_for_count(2)["type"] == "visitor_joined"
        founder.visit("ayesha", community)
        assert stream.next_of_type("visitor_update")["community_id"] == community
        began = time.monotonic()
        stream.close()
        plain.wait_for_count(1)
        assert time.monotonic() - began > GRACE_S / 2, "its end is never clean"


def test_a_lost_permission_sends_an_error_and_ends_the_stream(server):
    founder, member = Member(server), Member(server)
    community = founder.found()
    member.join(community)
    stream = StreamListener(server.port, of_community(community), member.token)
    stream.wait_for_count(1)
    founder.call("DELETE", f"/api/communities/{community}/members/{member.id}")
    error = stream.next_of_type("error")
    assert error["code"] == "forbidden"
    assert error["error"]
    wait_until(lambda: stream.has_ended, "it has ended")
    stream.close()


def test_every_event_of_a_stream_matches_its_model(server):
    """Covers every event of both streams. The last client loses its permission."""
    described = requests.get(f"{server.url}/openapi.json", timeout=PATIENCE_S).json()
    founder, member = Member(server), Member(server)
    community = founder.found(members_see_online=True)
    member.join(community)
    path = of_community(community)
    of_site = f"{SITE}?path=/a"
    with StreamListener(server.port, of_site) as site, StreamListener(server.port, path, founder.token) as first:
        second = StreamListener(server.port, path, member.token)
        first.next_of_type("visitor_joined")
        second.close()
        first.next_of_type("visitor_left")
        for number in range(MILESTONE):
            founder.visit(f"v{number}", community)
        for stream in (site, first):
            wait_until(lambda stream=stream: any("milestone" in item.event for item in stream.received), "a milestone")
        with StreamListener(server.port, path, member.token) as last:
            first.next_of_type("visitor_joined")
            founder.call("POST", f"/api/communities/{community}/broadcast", {"data": [1, "two"]})
            last.next_of_type("message")
            founder.call("DELETE", f"/api/communities/{community}/members/{member.id}")
            last.next_of_type("error")
        for name, streams in (("/api/stream", [site]), ("/api/communities/{community_id}/stream", [first, last])):
            answer = described["paths"][name]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
            received = [event.event for stream in streams for event in stream.received]
            assert {event["type"] for event in received} == set(answer["discriminator"]["mapping"])
            assert any("milestone" in event for event in received)
            for event in received:
                model = answer["discriminator"]["mapping"][event["type"]].rpartition("/")[2]
                assert set(event) <= set(described["components"]["schemas"][model]["properties"])
                Draft202012Validator({**answer, "components": described["components"]}).validate(event)


def test_a_stream_whose_client_reads_or_acknowledges_nothing_is_dropped(tmp_path):
    """A reader is dropped at once when over 64 KB are waiting for it."""
    changes = {f"{STREAMS}.UNACKNOWLEDGED_DATA_MS": 2000, f"{LOOP}.SEND_BUFFER": 2048, f"{LOOP}.STALLED_CLIENT_S": 3600}
    with changed_server(tmp_path, changes) as server, EventSource(server.port) as other:
        other.event()
        with Connection(server.port, receive_buffer=2048) as full:
            full.send(head("GET", SITE))
            server.wait_until_held(2)
            for _ in range(4):
                (revision,) = server.emit(1, size=30_000)
                assert other.event()["stats"]["revision"] == revision
            assert server.held()["connections"] == 1
        with Connection(server.port, receive_buffer=2048) as gone:
            gone.send(head("GET", SITE))
            server.wait_until_held(2)
            (revision,) = server.emit(1, size=60_000)
            while other.event()["stats"]["revision"] < revision:
                pass
            server.wait_until_held(1)
