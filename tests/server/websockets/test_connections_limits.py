"""WebSockets open as RFC 6455 (4.2) requires. Beyond a limit they are closed with 1013, which browsers can see."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.clients.connection import Connection, head
from support.clients.engine_client import PATH
from support.clients.event_source import EventSource
from support.clients.websocket import ACCEPT, CLOSE, KINDS, SOCKETIO, TEXT, WebSocket, close, frame, say, upgrade
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

from koyjabo.server.http.body_limits import BODIES_NETWORK_DIVISOR, MAX_LARGER_BODIES
from koyjabo.server.process.worker import HANDSHAKES_OF_A_SOCKET

TOO_MANY = 1013
MOST = 3
ADDRESS, ANOTHER = "203.0.113.7", "203.0.113.8"
LIMITS = {
    "of_an_address": {"TRUSTED_PROXIES": 1, "RATE_LIMIT_SOCKETS": MOST},
    "of_a_network": {"TRUSTED_PROXIES": 1, "RATE_LIMIT_SOCKETS": MOST, "MAX_CONNECTIONS": 4 * MOST},
    "of_all": {"MAX_CONNECTIONS": MOST},
    "of_visitors": {"TRUSTED_PROXIES": 1, "RATE_LIMIT_TABS": MOST},
    "of_handshakes": {"TRUSTED_PROXIES": 1, "RATE_LIMIT_SOCKETS": 1},
}


class Limited:
    """A server, and the clients that a test has connected to it. Its two addresses have not made a handshake before."""

    numbers = itertools.count(1)

    def __init__(self, server) -> None:
        self.server = server
        self.address, self.another = (f"192.0.2.{next(self.numbers)}" for _ in range(2))
        self.clients: list[WebSocket] = []

    def connect(self, *addresses: str, kind: type[WebSocket] = WebSocket, path: str = "") -> WebSocket:
        forwarded = [f"X-Forwarded-For: {', '.join(addresses)}"] if addresses else []
        self.clients.append(kind(self.server.port, *forwarded, path=path))
        return self.clients[-1]

    def fill(self, *addresses: str) -> list[WebSocket]:
        clients = [self.connect(*addresses, kind=list(KINDS.values())[number % 2]) for number in range(MOST)]
        assert all(client.is_answered() for client in clients)
        return clients

    def assert_refused(self, *addresses: str, paths: tuple[str, ...] = ("/", SOCKETIO)) -> None:
        """Assert that a new client on each path receives only a close frame."""
        for path in paths:
            refused = self.connect(*addresses, path=path)
            assert refused.close_frame().code == TOO_MANY
            refused.send(close(TOO_MANY))
            assert refused.rest() == b""


@pytest.fixture(scope="module", params=[])
def of_a_module(request, tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server"), **LIMITS[request.param]) as server:
        yield server


@pytest.fixture
def limited(of_a_module):
    limited = Limited(of_a_module)
    yield limited
    for client in limited.clients:
        client.end()
    wait_until(lambda: not any(of_a_module.held().values()), "they are gone")


def limit(name: str) -> pytest.MarkDecorator:
    """Choose the server of a test. Tests with the same limit share it."""
    return pytest.mark.parametrize("of_a_module", [name], indirect=True)


@limit("of_an_address")
def test_an_address_with_too_many_sockets_is_refused_until_one_of_its_clients_leaves(limited):
    clients = limited.fill(limited.address)
    limited.assert_refused(limited.address)
    with EventSource(limited.server.port, X_Forwarded_For=limited.address) as stream:
        assert stream.error == (429, "rate_limited")
        assert int(stream.answer.headers["Retry-After"]) > 0
    assert limited.server.held()["members"] == MOST
    assert limited.connect(limited.another).is_answered()
    for client, leave in zip(clients, ("close", "end", "reset"), strict=True):
        if leave == "close":
            client.send(close())
            client.rest()
        else:
            getattr(client, leave)()
        limited.server.wait_until_held(sockets=MOST)
        assert limited.connect(limited.address).is_answered()
        limited.assert_refused(limited.address, paths=("/",))


@limit("of_an_address")
def test_this_machine_may_open_ten_times_as_many_sockets_as_an_address(limited):
    """This machine may be a proxy that does not forward client addresses."""
    for _ in range(10 * MOST):
        assert limited.connect().is_answered()
    limited.assert_refused()


@limit("of_a_network")
def test_a_network_may_have_a_quarter_of_all_places(limited):
    """A stranger still gets a place, of any kind. This machine may be a proxy, and is not limited as a network."""
    for number in range(MOST):
        assert limited.connect(f"203.0.113.{number}", kind=list(KINDS.values())[number % 2]).is_answered()
    late = "203.0.113.99"
    limited.assert_refused(late)
    polling = limited.server.get(f"{PATH}?EIO=4&transport=polling", headers={"X-Forwarded-For": late})
    assert polling.status_code == 401
    with EventSource(limited.server.port, X_Forwarded_For=late) as refused:
        assert refused.error == (503, "too_many_connections")
        assert int(refused.answer.headers["Retry-After"]) > 0
    with EventSource(limited.server.port, X_Forwarded_For="198.51.100.1") as stream:
        assert stream.event()["type"] == "visitor_update"
    assert all(limited.connect("198.51.100.1", kind=kind).is_answered() for kind in KINDS.values())
    assert all(limited.connect().is_answered() for _ in range(MOST + 1))


@limit("of_all")
def test_a_full_worker_refuses_sockets_of_any_address_and_serves_requests(limited):
    clients = limited.fill()
    limited.assert_refused()
    assert all(client.is_answered() for client in clients)
    assert limited.server.get("/api/stats").ok
    clients[0].end()
    limited.server.wait_until_held(sockets=MOST - 1)
    assert limited.connect().is_answered()


@limit("of_an_address")
def test_a_network_that_sends_large_bodies_slowly_leaves_places_to_other_networks(limited):
    """The limit applies to the network that our proxy reports, not to the proxy itself."""
    announced = ("Content-Length: 100000", "Expect: 100-continue")
    with ExitStack() as stack:

        def status(address: str) -> bytes:
            connection = stack.enter_context(Connection(limited.server.port))
            connection.send(head("POST", "/api/visits", *announced, f"X-Forwarded-For: {address}"))
            return connection.socket.recv(65536).partition(b"\r\n")[0]

        slow = [status(f"203.0.113.{number}") for number in range(MAX_LARGER_BODIES // BODIES_NETWORK_DIVISOR)]
        assert set(slow) == {b"HTTP/1.1 100 Continue"}
        assert status("203.0.113.99") == b"HTTP/1.1 503 Service Unavailable"
        assert status("198.51.100.1") == b"HTTP/1.1 100 Continue"


def page_of(visitor: str, kind: type[WebSocket] = WebSocket) -> dict:
    return {"kind": kind, "path": f"{kind.path}{'&' if '?' in kind.path else '?'}visitorId={visitor}"}


@limit("of_visitors")
def test_the_number_of_sockets_of_one_visitor_at_one_address_is_limited(limited, kind):
    tabs = [limited.connect(ADDRESS, **page_of("ayesha", kind)) for _ in range(MOST)]
    assert all(tab.is_answered() for tab in tabs)
    assert limited.connect(ADDRESS, **page_of("ayesha", kind)).close_frame().code == TOO_MANY
    named_later = limited.connect(ADDRESS).send(say(type="visitor", visitorId="ayesha"))
    assert named_later.close_frame().code == TOO_MANY, "its first message counts as the URL does"
    assert limited.connect(ADDRESS, **page_of("babul", kind)).is_answered()
    assert limited.connect(ADDRESS, kind=kind).is_answered(), "one that does not say whose it is"
    assert limited.connect(ANOTHER, **page_of("ayesha", kind)).is_answered(), "a stranger keeps no other out"
    before = limited.server.held()["paired"]
    tabs[0].end()
    wait_until(lambda: limited.server.held()["paired"] < before, "it is forgotten")
    assert limited.connect(ADDRESS, **page_of("ayesha", kind)).is_answered()


@limit("of_visitors")
def test_the_limit_of_a_visitor_holds_when_many_sockets_connect_at_once(limited):
    with ThreadPoolExecutor(12) as pool:
        tabs = list(pool.map(lambda _: limited.connect(ADDRESS, **page_of("gita")), range(8 * MOST)))
    firsts = [tab.frame().opcode for tab in tabs]
    assert (firsts.count(TEXT), firsts.count(CLOSE)) == (MOST, 7 * MOST)


@limit("of_an_address")
def test_a_polling_client_counts_towards_the_limit_until_it_has_left(limited):
    sids, at = [], f"{PATH}?EIO=4&transport=polling"
    upgrades = ((), ("Upgrade: websocket",), ("Upgrade: websocket", "Connection: Upgrade"))
    for sent in upgrades * 2:
        with Connection(limited.server.port) as connection:
            answer = connection.ask("GET", at, f"X-Forwarded-For: {limited.address}", *sent)
        assert answer.status == (200 if len(sids) < MOST else 401)
        sids += [json.loads(answer.body[1:])["sid"]] if answer.status == 200 else []
    for sid in sids:
        assert limited.server.post(f"{at}&sid={sid}", data="1").status_code == 200
        limited.server.get(f"{at}&sid={sid}")
    wait_until(lambda: not any(limited.server.held().values()), "nothing is left of them")


@limit("of_handshakes")
def test_the_number_of_handshakes_of_one_address_in_a_minute_is_limited(limited):
    """This holds even if none of the earlier connections is still open."""
    for number in range(HANDSHAKES_OF_A_SOCKET):
        client = limited.connect(ADDRESS, kind=list(KINDS.values())[number % 2])
        assert client.is_answered()
        client.end()
        limited.server.wait_until_held(sockets=0)
    limited.assert_refused(ADDRESS)
    assert limited.connect(ANOTHER).is_answered()
    for _ in range(MOST + 1):
        assert limited.connect().is_answered(), "this machine"


@pytest.fixture
def connection(server):
    with Connection(server.port) as connection:
        yield connection


def test_a_bad_handshake_gets_an_error_and_the_connection_stays_usable(server, connection):
    """The response to a wrong version names the supported one."""
    wait_until(lambda: not any(server.held().values()), "the sockets of earlier tests are gone")
    answer = connection.send(upgrade(Sec_WebSocket_Version="8")).answer("GET")
    assert (answer.status, answer.headers["Sec-WebSocket-Version"]) == (426, "13")
    assert answer.json["code"] == "upgrade_required"
    for key in (None, "", "YQ==", "#" * 24):
        answer = connection.send(upgrade(Sec_WebSocket_Key=key)).answer("GET")
        assert (answer.status, answer.json["code"]) == (400, "bad_handshake"), key
    for name in ("Sec_WebSocket_Version", "Sec_WebSocket_Key", "Connection", "Upgrade"):
        assert connection.send(upgrade(SOCKETIO, **{name: None})).answer("GET").status == 400, name
    assert connection.send(upgrade("/nowhere")).answer("GET").status == 404
    assert connection.ask("GET", "/healthz").status == 200
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")


def test_a_handshake_follows_the_rfc_without_compression_or_subprotocol(server, kind):
    asked = ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: Authorization, chat")
    with kind(server.port, *asked) as client:
        assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n" in client.handshake
        assert "Sec-WebSocket-Extensions" not in client.handshake
        assert "Sec-WebSocket-Protocol" not in client.handshake
        assert client.is_answered()


def test_an_upgrade_needs_both_headers_and_may_be_among_other_tokens(connection):
    """RFC 9110, 7.8: without both headers it is an ordinary request."""
    for missing in ("Connection", "Upgrade"):
        answer = connection.send(upgrade(**{missing: None})).answer("GET")
        assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    connection.send(upgrade(Connection="keep-alive, UPGRADE", Upgrade="WebSocket"))
    assert connection.socket.recv(12) == b"HTTP/1.1 101"


def test_frames_in_the_same_packet_as_the_handshake_are_answered(server):
    """A Socket.IO client may send CONNECT without waiting for OPEN."""

    class Hurried(KINDS["Socket.IO"]):
        def begin(self) -> None:
            assert self.message().startswith("0{")
            assert self.message().startswith("40{")

    with WebSocket(server.port, early=say(type="ping") + say(type="nonsense")) as client:
        assert sorted(client.event()["type"] for _ in range(3)) == ["error", "pong", "visitor_update"]
    with Hurried(server.port, early=frame("40")) as client:
        assert client.event()["type"] == "visitor_update"
