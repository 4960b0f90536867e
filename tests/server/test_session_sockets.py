"""A session that its owner ends elsewhere: its sockets are closed, on every worker, of both kinds."""

from __future__ import annotations

from support.databases import SqliteDatabase
from support.members import Member, PlainMember, SocketioMember
from support.processes import wait_until
from support.workers import only, two_workers

INVALID = 4002


def test_sockets_of_a_session_that_is_ended_are_closed_everywhere(new_server, tmp_path, redis_server):
    server = two_workers(new_server(SqliteDatabase(tmp_path / "koyjabo.db"), REDIS_URL=redis_server.url))
    owner = Member(server)
    community, here = owner.found(), owner.token
    owner.log_in()
    there = owner.token
    sockets: list[PlainMember] = []
    for worker in server.workers():
        with only(server, worker):
            sockets.append(PlainMember(server.port, community, there))
            sockets.append(PlainMember(server.port, community, here))
    client = SocketioMember(server.port, community, there)
    for socket in sockets:
        wait_until(lambda socket=socket: socket.heard, "it is let in")
    owner.token = here
    (session,) = [each["id"] for each in owner.call("GET", "/api/auth/sessions") if not each["current"]]
    owner.call("DELETE", f"/api/auth/sessions/{session}")
    assert [socket.wait_for_code() for socket in sockets[::2]] == [INVALID] * 2
    wait_until(lambda: client.of_type("kicked"), "the other kind is told")
    assert client.of_type("kicked")[0].event["code"] == INVALID
    assert [socket.code for socket in sockets[1::2]] == [None] * 2
    for each in (*sockets, client):
        each.close()
