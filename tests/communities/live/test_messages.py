"""Messages that a program sends to people online in a community, and people it disconnects."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import requests
from support.clients.event_source import StreamListener, of_community
from support.clients.members import Member, PlainMember, SocketioMember
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.communities.live.messages import MAX_DATA_BYTES, MAX_DEPTH, MESSAGES_SUBJECT, CommunityMessages

FORBIDDEN = 4003
REF = "8f14e45f-ceea-467f-a9f3-b1d9b2c0a001"


@pytest.fixture(scope="module")
def boss(sqlite_server: Server) -> Member:
    person = Member(sqlite_server, "rani")
    sqlite_server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{person.id}'")
    return person


@pytest.fixture(scope="module")
def community(boss: Member) -> str:
    return boss.call("PUT", f"/api/communities/by-ref/{REF}", {"name": "Mirpur 10", "public_count": True})["id"]


@pytest.fixture(scope="module")
def ayesha(sqlite_server: Server, community: str) -> Member:
    """A member from another system, with a session."""
    person = Member(sqlite_server, "ayesha").join(community)
    sqlite_server.database.rows(f"UPDATE users SET external_ref = 'u1', external_issuer = '' WHERE id = '{person.id}'")
    return person


def send(by: Member, data: object, named: str = REF, status: int | None = None) -> None:
    by.call("POST", f"/api/communities/{named}/broadcast", {"data": data}, status)


def test_every_connection_of_a_member_receives_each_message_in_order(sqlite_server, boss, ayesha, community):
    port, messages = sqlite_server.port, [{"n": n, "text": "নমস্কার"} for n in range(30)]
    with ExitStack() as opened:
        members = [
            *(opened.enter_context(PlainMember(port, named, ayesha.token)) for named in (community, REF)),
            opened.enter_context(SocketioMember(port, REF, ayesha.token)),
            opened.enter_context(StreamListener(port, of_community(REF), ayesha.token)),
        ]
        others = [
            opened.enter_context(PlainMember(port, REF)),
            opened.enter_context(PlainMember(port, REF, boss.token, "visitor-dashboard/")),
        ]
        for listener in (*members, *others):
            wait_until(lambda listener=listener: listener.received, "it is let in")
        for data in messages:
            send(boss, data)
        for member in members:
            member.next_of_type("message", len(messages) - 1)
            events = [received.event for received in member.of_type("message")]
            assert [event["data"] for event in events] == messages
            assert {event["community_id"] for event in events} == {community}
            assert list(events[0]) == ["type", "community_id", "data", "timestamp"]
        assert [other.of_type("message") for other in others] == [[], []], "watchers and dashboards receive no message"


def nested(levels: int) -> object:
    return [nested(levels - 1)] if levels else "নমস্কার"


def test_a_message_is_json_of_up_to_4096_bytes_and_a_limited_depth(boss, community):
    at_most = "x" * (MAX_DATA_BYTES - 2)
    send(boss, at_most, status=202)
    send(boss, at_most + "x", status=413)
    send(boss, "ক" * ((MAX_DATA_BYTES - 2) // 3), status=202)
    for levels, status in ((MAX_DEPTH, 202), (MAX_DEPTH + 1, 400), (900, 400)):
        send(boss, nested(levels), status=status)
    for body in ('{"data": NaN}', "{}", '{"data": "\\ud83d"}'):
        url = f"{boss._url('/api/communities')}/{community}/broadcast"
        headers = {**boss.bearer, "Content-Type": "application/json"}
        assert requests.post(url, data=body, headers=headers, timeout=PATIENCE_S).status_code == 400, body


def test_a_message_that_cannot_be_encoded_blocks_no_other_message():
    """Another program may have published it."""
    sent = []

    def send_to(room: str, client: object, event: str, message: dict) -> None:
        if message["data"] is None:
            raise RecursionError
        sent.append(message["data"])

    member = SimpleNamespace(is_online=True, is_taken=True, client="member")
    participants, fanout = SimpleNamespace(of=lambda scope: [member]), SimpleNamespace(send_to=send_to)
    messages = CommunityMessages(participants, fanout, Bus(), ThreadRuntime(), None, None)
    for data in (1, None, 2):
        messages.receive(MESSAGES_SUBJECT, {"community_id": "c", "data": data})
    wait_until(lambda: sent == [1, 2], "the others are sent")


def test_a_disconnected_person_remains_a_member(sqlite_server, boss, community):
    port, here = sqlite_server.port, f"/api/communities/{REF}"
    other, karim = (Member(sqlite_server).join(community) for _ in range(2))
    change = "external_ref = 'u2', external_issuer = ''"
    sqlite_server.database.rows(f"UPDATE users SET {change} WHERE id = '{karim.id}'")
    with ExitStack() as opened:
        plain = opened.enter_context(PlainMember(port, REF, karim.token))
        rooms = opened.enter_context(SocketioMember(port, REF, karim.token))
        stream = opened.enter_context(StreamListener(port, of_community(REF), karim.token))
        stays = opened.enter_context(PlainMember(port, REF, other.token))
        wait_until(lambda: stays.received, "it is let in")
        for ref in ("u2", "nobody"):
            boss.call("POST", f"{here}/disconnect", {"userRef": ref}, 202)
        assert plain.wait_for_code() == FORBIDDEN
        kicked = rooms.next_of_type("kicked")
        assert (kicked["communityId"], kicked["code"]) == (REF, FORBIDDEN)
        assert stream.next_of_type("error")["code"] == "forbidden"
        wait_until(lambda: stream.has_ended, "the stream ends")
        assert stays.code is None
    with PlainMember(port, REF, karim.token) as again:
        again.wait_for_count(1)


def test_a_single_call_counts_the_people_online_in_many_communities(sqlite_server, boss, ayesha, community):
    hidden = boss.found("Hidden", listed=False)
    with PlainMember(sqlite_server.port, REF, ayesha.token) as socket:
        socket.wait_for_count(1)
        (online,) = boss.call("GET", f"/api/communities/{REF}/visitors/online")
        assert (online["user_id"], online["name"]) == (ayesha.id, "ayesha")
        asked = f"/api/communities/online?ids={REF},nowhere,{hidden},{community.upper()}"
        seen = {REF: 1, community.upper(): 1}
        assert boss.call("GET", asked) == {"online": {REF: 1, hidden: 0, community.upper(): 1}}
        assert ayesha.call("GET", asked) == {"online": seen}, "without those that one may not see"
    assert boss.call("GET", "/api/communities/online") == {"online": {}}
    many = ",".join(f"c{n}" for n in range(201))
    boss.call("GET", f"/api/communities/online?ids={many}", status=400)
    boss.call("GET", f"/api/communities/online?ids={many.rpartition(',')[0]}", status=200)
