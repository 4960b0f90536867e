"""Requests and sockets are served fairly by network: a client with many of them delays only itself (decision 80)."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from struct import pack
from types import SimpleNamespace

import pytest
from support.application.runtimes import loop_on, pause_until
from support.clients.connection import Connection, head
from support.programs.processes import open_sockets, suspended, wait_until
from support.servers.changed_server import changed_server

from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.server import HttpServer
from koyjabo.server.loop import fair_queue, poller
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READ_EVENT, Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop


@pytest.fixture
def loop():
    with loop_on() as loop:
        yield loop


def run(loop, *requests, until) -> None:
    """Let all requests arrive at once. Return when `until` holds."""
    for request in requests:
        loop.soon(partial(loop.run_request, request))
    pause_until(loop, until)


@pytest.fixture
def is_long(monkeypatch):
    """Make each slot count as long."""
    monkeypatch.setattr(fair_queue, "SHARE_S", 0)


@pytest.fixture
def done(loop):
    """The order of requests and of reads from a pipe."""
    done = Done()
    reader, done.writer = os.pipe()
    loop.call_when_readable(reader, lambda: done.append(os.read(reader, 1)))
    return done


class Done(list):
    writer: int

    def add(self, name: str) -> None:
        """Record a request, and write to the pipe, which represents other clients' sockets."""
        self.append(name)
        os.write(self.writer, b".")


@pytest.mark.usefixtures("is_long")
def test_networks_get_slots_in_rotation_and_sockets_are_served_in_between(loop, done):
    order = FairQueue(loop, Poller(loop))

    def request(network: str) -> None:
        order.begin(network)
        done.add(network)

    run(loop, *[partial(request, name) for name in "aaaabb"], until=lambda: len(done) == 12)
    assert done[::2] == ["a", "a", "b", "a", "b", "a"]
    assert done[1::2] == [b"."] * 6


def test_short_slots_follow_each_other_at_once(loop, done, monkeypatch):
    """A long slot ends the series. Only long slots move the clock."""
    order, now = FairQueue(loop, Poller(loop)), [0.0]
    monkeypatch.setattr(fair_queue, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def request(name: str) -> None:
        order.begin("a network")
        if name == "long":
            now[0] += 2 * fair_queue.SHARE_S
        done.add(name)

    names = ("1", "2", "long", "3", "long", "4")
    run(loop, *[partial(request, name) for name in names], until=lambda: len(done) == 12)
    assert done == ["1", "2", "long", b".", "3", "long", b".", "4", *[b"."] * 4]


@pytest.mark.usefixtures("is_long")
def test_messages_of_a_socket_wait_for_slots_as_requests_do(loop, done):
    poller = Poller(loop)
    order = FairQueue(loop, poller)
    owner = SimpleNamespace(pings=False)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connections = ConnectionLoop(loop, poller, order.begin, 10, 10, 10)
        connection = connections.add(ours, "a", owner, b"", b"")
        for _ in range(3):
            connection.run_in_order(partial(done.add, "a"))

        def request() -> None:
            order.begin("b")
            done.add("b")

        run(loop, request, request, until=lambda: len(done) == 10)
    assert done[::2] == ["a", "a", "b", "a", "b"]


@pytest.fixture
def busy(loop, is_long):
    """A worker with 8 places and long slots."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        asked, has_turn = [], []

        def app(environ, start_response) -> list[bytes]:
            asked.append(environ["PATH_INFO"])
            has_turn.append(environ["koyjabo.await_slot"](environ, asked[-1]))
            start_response("204 No Content", [])
            return []

        def ask(path: str) -> socket.socket:
            connection = stack.enter_context(Connection(listener.getsockname()[1]))
            connection.send(head("GET", path))
            return connection.socket

        order = FairQueue(loop, Poller(loop))
        order._begin_next = lambda: None
        server = HttpServer(loop, order, listener, app, 8, BodyLimits(0), {})
        server.start()
        yield SimpleNamespace(ask=ask, asked=asked, has_turn=has_turn, wait=partial(pause_until, loop))


def test_a_client_that_has_left_gets_no_slot(busy):
    """Otherwise a client could fill the memory by repeatedly sending a request and leaving."""
    clients = [busy.ask("/") for _ in range(2)]
    busy.wait(lambda: len(busy.asked) == 2)
    assert busy.has_turn == [True]
    clients[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))  # close with RST
    clients[1].close()
    busy.wait(lambda: busy.has_turn == [True, False])


def test_the_queue_of_one_network_leaves_room_for_other_networks(busy):
    for _ in range(8):
        busy.ask("/crowd")
    busy.wait(lambda: len(busy.asked) == 8)
    assert busy.has_turn == [True]
    busy.ask("/other")
    busy.wait(lambda: busy.asked[8:] == ["/other"] and len(busy.has_turn) == 2)
    assert busy.has_turn == [True, False], "the newest of the crowd has given its place"


CROWD = 50


def answered_before(server, path: str) -> int:
    """How many of one address's requests are answered before a stranger's request for `path`, the last one."""
    with ExitStack() as stack:
        before = open_sockets(server.worker)
        connections = [stack.enter_context(Connection(server.port)) for _ in range(CROWD + 1)]
        wait_until(lambda: open_sockets(server.worker) == before + CROWD + 1, "all are accepted")
        with suspended([server.worker]):
            for number, connection in enumerate(connections[:-1]):
                connection.send(head("GET", f"/login?{number}", "X-Forwarded-For: 203.0.113.7"))
            connections[-1].send(head("GET", path, "X-Forwarded-For: 198.51.100.1"))
        *crowd, stranger = [int(connection.answer("GET").headers["X-Number"]) for connection in connections]
        return sum(number < stranger for number in crowd)


def test_an_address_with_many_connections_delays_no_other_address(tmp_path):
    """This holds for the fast path and for a page. The server numbers its responses."""
    with changed_server(tmp_path, TRUSTED_PROXIES=1, NUMBERED=1) as server:
        for path in ("/api/stats", "/signup"):
            assert server.get(path).ok, "what is loaded late"
            assert answered_before(server, path) < CROWD / 3, path


class Files:
    """Socket pairs that a poller watches. `served` has the names of files, in the order of their service."""

    def __init__(self, loop, stack: ExitStack) -> None:
        self.poller, self.served, self._stack, self._loop = Poller(loop), [], stack, loop
        self.ours: dict[str, socket.socket] = {}

    def add(self, name: str, network: str, size: int = 1) -> None:
        """Watch a file that is readable `size` times."""
        self.ours[name], theirs = map(self._stack.enter_context, socket.socketpair())
        self.ours[name].setblocking(False)

        def ready(events: int) -> None:
            self.served.append(name)
            self.ours[name].recv(1)

        theirs.send(b"x" * size)
        self.poller.add(self.ours[name].fileno(), SimpleNamespace(network=network, ready=ready), READ_EVENT)

    def wait(self, count: int) -> list[str]:
        pause_until(self._loop, lambda: len(self.served) >= count)
        return self.served


@pytest.fixture
def files(monkeypatch) -> Iterator[Files]:
    """Each pass has time for one file."""
    monkeypatch.setattr(poller, "SOCKETS_PASS_S", 0)
    with loop_on() as loop, ExitStack() as stack:
        files = Files(loop, stack)
        yield files
        for sock in files.ours.values():
            files.poller.remove(sock.fileno())


def test_the_sockets_of_different_networks_are_served_in_rotation(files):
    for number in range(20):
        files.add(f"a{number}", "a", size=5)
    files.add("b", "b", size=3)
    first = files.wait(12)[:12]
    assert first.count("b") == 3
    assert len({name for name in first if name != "b"}) == 9, "files of one network are served in rotation"


def test_a_new_file_does_not_get_the_events_of_its_descriptors_earlier_file(files):
    for name in "abc":
        files.add(name, "a")
    files.poller._serve()  # one of them; the others wait
    (first,) = files.served
    gone = "c" if first != "c" else "b"
    fd = files.ours[gone].fileno()
    files.poller.remove(fd)
    files.ours[gone].close()
    files.add("silent", "a", size=0)
    assert files.ours["silent"].fileno() == fd
    files.add("last", "a")
    assert set(files.wait(3)) == {"a", "b", "c", "last"} - {gone}
