"""How many WebSockets are allowed: one too many is accepted and closed with 1013, which a browser can see."""

from __future__ import annotations

import pytest
from support.changed_server import changed_server
from support.processes import wait_until
from support.websocket import KINDS, SOCKETIO, Goodbye, WebSocket, close, say

pytestmark = pytest.mark.waits

TOO_MANY = 1013
SORRY = Goodbye(TOO_MANY, "too many connections, try again later")
MOST = 3
ADDRESS, ANOTHER = "203.0.113.7", "203.0.113.8"


class Raw(WebSocket):
    """Of either kind, by its path; it says nothing at first."""


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("a"), TRUSTED_PROXIES=1, RATE_LIMIT_SOCKETS=MOST) as server:
        yield server


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("b"), MAX_CONNECTIONS=MOST) as server:
        yield server


@pytest.fixture(scope="module")
def of_visitors(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("c"), TRUSTED_PROXIES=1, RATE_LIMIT_TABS=MOST) as server:
        yield server


@pytest.fixture
def of_handshakes(tmp_path):
    with changed_server(tmp_path, TRUSTED_PROXIES=1, RATE_LIMIT_HANDSHAKES=MOST) as server:
        yield server


@pytest.fixture
def connect():
    """Connect, and be gone when the test is over."""
    made = []

    def connect_(server, *addresses: str, kind: type[WebSocket] = WebSocket, path: str = "") -> WebSocket:
        forwarded = [f"X-Forwarded-For: {', '.join(addresses)}"] if addresses else []
        made.append(kind(server.port, *forwarded, path=path))
        return made[-1]

    yield connect_
    for each in made:
        each.end()


@pytest.fixture(autouse=True)
def nobody_is_there(request):
    """Before each test."""
    name = next(
        name for name in ("behind_a_proxy", "small", "of_visitors", "of_handshakes") if name in request.fixturenames
    )
    server = request.getfixturevalue(name)
    wait_until(lambda: not any(server.held().values()), "those of the test before are gone")


@pytest.mark.parametrize("path", ["/", SOCKETIO])
def test_one_too_many_of_an_address_is_closed_and_another_address_is_not(behind_a_proxy, connect, path):
    for number in range(MOST):
        client = connect(behind_a_proxy, ADDRESS, kind=list(KINDS.values())[number % 2])
        assert client.is_answered()
    refused = connect(behind_a_proxy, ADDRESS, kind=Raw, path=path)
    assert refused.goodbye() == SORRY
    other = connect(behind_a_proxy, ANOTHER)
    assert other.is_answered()


def test_refused_one_hears_nothing_but_the_close(behind_a_proxy, connect):
    for _ in range(MOST):
        connect(behind_a_proxy, ADDRESS)
    refused = connect(behind_a_proxy, ADDRESS)
    assert refused.goodbye() == SORRY
    behind_a_proxy.emit()
    refused.send(close(TOO_MANY))
    assert refused.rest() == b""
    assert behind_a_proxy.held()["members"] == MOST


@pytest.mark.parametrize("how", ["close", "end", "reset"])
def test_place_is_free_again_when_one_leaves(behind_a_proxy, connect, how):
    first, *_ = [connect(behind_a_proxy, ADDRESS) for _ in range(MOST)]
    if how == "close":
        first.send(close())
        first.rest()
    else:
        getattr(first, how)()
    behind_a_proxy.wait_until_held(sockets=MOST - 1)
    assert connect(behind_a_proxy, ADDRESS).is_answered()
    assert connect(behind_a_proxy, ADDRESS).goodbye() == SORRY


def test_those_that_were_refused_take_no_place_when_they_have_left(behind_a_proxy, connect):
    first, *_ = [connect(behind_a_proxy, ADDRESS) for _ in range(MOST)]
    for _ in range(2 * MOST):
        refused = connect(behind_a_proxy, ADDRESS)
        assert refused.goodbye() == SORRY
        refused.send(close(TOO_MANY))
        refused.rest()
    first.end()
    behind_a_proxy.wait_until_held(sockets=MOST - 1)
    assert connect(behind_a_proxy, ADDRESS).is_answered()


def test_forged_hop_does_not_make_another_address(behind_a_proxy, connect):
    """What the visitor wrote stands before what our proxy added."""
    for number in range(MOST):
        assert connect(behind_a_proxy, f"198.51.100.{number}", ADDRESS).is_answered()
    assert connect(behind_a_proxy, "198.51.100.99", ADDRESS).goodbye() == SORRY


def test_network_of_one_ipv6_customer_is_one_address(behind_a_proxy, connect):
    for number in range(MOST):
        assert connect(behind_a_proxy, f"2001:db8:1:2::{number + 1}").is_answered()
    assert connect(behind_a_proxy, "2001:db8:1:2:ffff::1").goodbye() == SORRY
    assert connect(behind_a_proxy, "2001:db8:1:3::1").is_answered()


def test_network_of_a_larger_ipv6_prefix_is_a_few_addresses(behind_a_proxy, of_handshakes, connect):
    """Four for a /56: of open sockets and of handshakes."""
    for server in (behind_a_proxy, of_handshakes):
        for number in range(4 * MOST):
            assert connect(server, f"2001:db8:9:{number:02x}::1").is_answered()
        assert connect(server, "2001:db8:9:ff::1").goodbye() == SORRY
        assert connect(server, "2001:db8:9:100::1").is_answered()


def test_this_machine_is_one_address_with_ten_times_the_allowance(behind_a_proxy, connect):
    """It may be a proxy that does not say for whom it forwards."""
    for _ in range(10 * MOST):
        assert connect(behind_a_proxy).is_answered()
    assert connect(behind_a_proxy).goodbye() == SORRY
    assert connect(behind_a_proxy, ADDRESS).is_answered()


@pytest.mark.parametrize("path", ["/", SOCKETIO])
def test_one_too_many_of_all_is_closed_wherever_it_comes_from(small, connect, path):
    clients = [connect(small, kind=list(KINDS.values())[number % 2]) for number in range(MOST)]
    refused = connect(small, kind=Raw, path=path)
    assert refused.goodbye() == SORRY
    assert all(client.is_answered() for client in clients)
    assert small.get("/api/stats").ok
    refused.end()
    clients[0].end()
    small.wait_until_held(sockets=MOST - 1)
    assert connect(small).is_answered()


TABS = {"/": "/?visitorId={}", SOCKETIO: f"{SOCKETIO}&visitorId={{}}"}
TOO_MANY_TABS = "This visitor has too many pages open here. Close some, or reload one later."


@pytest.mark.parametrize("path", TABS)
def test_one_too_many_of_a_visitor_at_an_address_is_closed(of_visitors, connect, path):
    kind, path = KINDS["plain" if path == "/" else "Socket.IO"], TABS[path]
    tabs = [connect(of_visitors, ADDRESS, kind=kind, path=path.format("ayesha")) for _ in range(MOST)]
    assert all(tab.is_answered() for tab in tabs)
    refused = connect(of_visitors, ADDRESS, kind=kind, path=path.format("ayesha"))
    assert refused.goodbye() == Goodbye(TOO_MANY, TOO_MANY_TABS)
    refused.end()
    assert connect(of_visitors, ADDRESS, kind=kind, path=path.format("babul")).is_answered()
    assert connect(of_visitors, ADDRESS, kind=kind).is_answered(), "one that does not say whose it is"
    tabs[0].end()
    of_visitors.wait_until_held(sockets=MOST + 1)
    wait_until(lambda: of_visitors.held()["paired"] == MOST + 1, "it is forgotten")
    assert connect(of_visitors, ADDRESS, kind=kind, path=path.format("ayesha")).is_answered()


def test_stranger_who_knows_a_visitor_keeps_none_of_their_pages_out(of_visitors, connect):
    path = TABS["/"].format("babul")
    strangers = [connect(of_visitors, "203.0.113.99", path=path) for _ in range(MOST + 1)]
    assert [each.is_answered() for each in strangers[:MOST]] == [True] * MOST
    assert strangers[MOST].goodbye() == Goodbye(TOO_MANY, TOO_MANY_TABS)
    assert connect(of_visitors, ADDRESS, path=path).is_answered()


def test_first_message_counts_as_the_url_does(of_visitors, connect):
    named = say(type="visitor", visitorId="chandni")
    tabs = [connect(of_visitors, ADDRESS).send(named) for _ in range(MOST)]
    assert all(tab.is_answered() for tab in tabs)
    assert connect(of_visitors, ADDRESS).send(named).goodbye() == Goodbye(TOO_MANY, TOO_MANY_TABS)
    assert connect(of_visitors, ANOTHER).send(named).is_answered()


def test_pages_of_this_machine_are_limited_like_all_others(of_visitors, connect):
    path = TABS["/"].format("farid")
    for _ in range(MOST):
        assert connect(of_visitors, path=path).is_answered()
    assert connect(of_visitors, path=path).goodbye() == Goodbye(TOO_MANY, TOO_MANY_TABS)


@pytest.mark.parametrize("path", ["/", SOCKETIO])
def test_one_handshake_too_many_of_an_address_is_closed_and_another_address_is_not(of_handshakes, connect, path):
    """Though none of those before is open any more."""
    for number in range(MOST):
        client = connect(of_handshakes, ADDRESS, kind=list(KINDS.values())[number % 2])
        assert client.is_answered()
        client.end()
    of_handshakes.wait_until_held(sockets=0)
    assert connect(of_handshakes, ADDRESS, kind=Raw, path=path).goodbye() == SORRY
    assert connect(of_handshakes, ANOTHER).is_answered()
    for _ in range(2 * MOST):
        assert connect(of_handshakes).is_answered(), "this machine"
