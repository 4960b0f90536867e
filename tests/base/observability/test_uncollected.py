"""Closed clients leave nothing for the garbage collector, which rarely looks at old objects."""

import pytest
from support.clients.connection import Connection, head
from support.clients.event_source import EventSource, of_community
from support.clients.websocket import KINDS
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server, pings

TIMES = 8
SOON_S = 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with frequent pings: objects that wait to be pinged are kept until then."""
    with changed_server(tmp_path_factory.mktemp("server"), pings(SOON_S, SOON_S / 2, SOON_S / 8)) as server:
        server.register("somebody")
        yield server


def uncollected(server) -> dict[str, int]:
    return server.get("/test/uncollected").json()


def wait_until_no_more(server, before: dict[str, int]) -> None:
    wait_until(
        lambda: all(uncollected(server)[kind] <= before[kind] for kind in before),
        f"only {before} are left, not {uncollected(server)}",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_socket_that_is_gone_is_gone(server, kind):
    before = uncollected(server)
    for number in range(2 * TIMES):
        with KINDS[kind](server.port) as client:
            assert client.is_answered()
            if number % 2:
                client.reset()
    wait_until_no_more(server, before)


def test_stream_that_is_gone_or_was_refused_is_gone(server):
    before = uncollected(server)
    for _ in range(TIMES):
        with EventSource(server.port) as source:
            source.event()
        with EventSource(server.port, of_community("no-community")) as refused:
            assert refused.status == 401
    wait_until_no_more(server, before)


LAST = [
    head("GET", "/nowhere"),
    head("GET", "/healthz", "Connection: close"),
    head("GET", "/healthz").replace(b"1.1", b"1.0"),
    head("GET", "/healthz", "Host: other"),
    head("POST", "/api/visitor/register", "Content-Length: 1000000"),
]
"""Requests that keep the connection open or end it: by `Connection: close`, as HTTP/1.0, refused, or too large."""


def test_request_that_was_answered_is_gone(server):
    """This includes the last request on a connection."""
    for request in LAST:
        before = uncollected(server)
        for _ in range(TIMES):
            with Connection(server.port) as connection:
                connection.send(request).answer("GET")
        wait_until_no_more(server, before)
