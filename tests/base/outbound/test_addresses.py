"""Addresses that a user's URL may connect to, and lookups of names that hang."""

import threading
from collections import Counter
from ipaddress import ip_network

import pytest
from support.application.runtimes import loop_on, pause, pause_until

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.outbound.client import MAX_AT_ONCE, MAX_CHECKED, HttpClient, kind_of
from koyjabo.base.outbound.messages import PUBLIC, Destinations, FailureKind, OutboundError, Request

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 172.31.9.9 192.0.0.1
192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:db8::1 2002:7f00:1::1 3fff::1 4000::1 5f00::1 fc00::1
192.0.2.1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
"""
GLOBAL = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 192.169.0.1 223.255.255.254 2606:4700::1111
"""
UNREADABLE = """
http://2130706433/ http://0x7f000001/ http://0x7f.0.0.1/ http://0177.0.0.1/ http://127.1/ http://127.0.1/
http://1.2.3.4.5/ http://127.0.0.01/ http://127.0.0.1./ http://256.1.1.1/ http://1.1.1.0x1/
ftp://a.example/ file:///etc/passwd gopher://a.example/ //a.example/ a.example http:///x http://
http://u:p@a.example/ http://u@a.example/ http://a.example@127.0.0.1/ http://[::1%25lo]/ http://[::1/
http://a.example:0/ http://a.example:65536/ http://a.example:x/ http://a.example:/ http://a..c/ http://ⓔxample.com/
http://a.example\\@127.0.0.1/
"""
OTHER = ["http://a.example/ b", "http://a.example/\r\nX: 1", "http://a.example/" + "a" * 2048]


def client_that_resolves(*addresses: str) -> HttpClient:
    return HttpClient(ThreadRuntime(), lambda host, port: list(addresses))


def test_only_global_addresses_are_accepted(monkeypatch):
    assert [address for address in INSIDE.split() if not kind_of(address)] == []
    assert [address for address in GLOBAL.split() if kind_of(address)] == []
    monkeypatch.setattr("koyjabo.base.outbound.client.REFUSED", ())
    assert kind_of("127.0.0.1") == "an address of this machine"


def test_url_that_programs_read_in_different_ways_is_refused(client):
    for url in (*UNREADABLE.split(), *OTHER):
        assert client.check(url, PUBLIC), url
        with pytest.raises(OutboundError) as caught:
            client.fetch(Request("GET", url))
        assert caught.value.kind == FailureKind.REFUSED, url


def test_loopback_is_refused_at_once(client):
    for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"):
        assert client.check(f"https://{host}:8443/hook", PUBLIC), host


def test_one_address_inside_refuses_a_name_and_the_reason_says_which():
    reason = client_that_resolves("1.1.1.1", "169.254.169.254").check("https://hooks.example/", PUBLIC)
    assert reason == "hooks.example resolves to 169.254.169.254, which is link-local"


def test_networks_of_the_operator_are_open_and_no_others():
    allowed = Destinations((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    for address, is_open in {"10.1.2.3": True, "fd00::1": True, "10.2.0.1": False, "1.1.1.1": True}.items():
        assert (client_that_resolves(address).check("https://hooks.example/", allowed) is None) == is_open


def test_name_without_an_address_may_be_set():
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    assert HttpClient(ThreadRuntime(), nowhere).check("https://hooks.example/", PUBLIC) is None


def test_name_is_resolved_once_and_the_checked_address_is_dialled(new_odd):
    """Guards against DNS rebinding, where a name resolves to a different address each time."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    server = new_odd(b"HTTP/1.1 204 No Content\r\n\r\n")
    client = HttpClient(ThreadRuntime(), lambda host, port: answers.pop(0))
    request = Request(
        "GET", f"http://hooks.example:{server.port}/a?b", destinations=Destinations((ip_network("127.0.0.1/32"),))
    )
    assert client.fetch(request).status == 204
    assert server.requests[0].startswith(b"GET /a?b HTTP/1.1\r\nHost: hooks.example:%d\r\n" % server.port)
    with pytest.raises(OutboundError) as caught:
        client.fetch(request)
    assert (caught.value.kind, len(server.requests)) == (FailureKind.REFUSED, 1)


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
HERE = Destinations((ip_network("127.0.0.1/32"),))


class Resolver:
    """Names that start with `slow` do not resolve until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: Counter[str] = Counter()

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked[host] += 1
        if host.startswith("slow"):
            self.go.wait()
        return ["127.0.0.1"]


@pytest.fixture
def resolver():
    resolver = Resolver()
    yield resolver
    resolver.go.set()


def request(url: str, **changes) -> Request:
    return Request("GET", url, **{"timeout_s": 60.0, "destinations": HERE, **changes})


def test_names_that_hang_keep_no_other_name_waiting(new_odd, resolver):
    """The hostnames of all webhooks and of all URLs being saved hang."""
    server = new_odd(NO_CONTENT)
    with loop_on() as runtime:
        client = HttpClient(runtime, resolver)
        for n in range(MAX_AT_ONCE - 1):
            runtime.start_task(lambda n=n: client.fetch(request(f"http://slow{n}.example:{server.port}/")))
        for n in range(70):
            runtime.start_task(lambda n=n: client.check(f"https://slow-set{n}.example/", PUBLIC))
        pause_until(runtime, lambda: len(resolver.asked) == MAX_AT_ONCE - 1 + MAX_CHECKED)
        assert client.fetch(request(f"http://quick.example:{server.port}/")).status == 204
        assert len(resolver.asked) == MAX_AT_ONCE + MAX_CHECKED
        resolver.go.set()
        pause_until(runtime, lambda: len(server.requests) == MAX_AT_ONCE)


def test_slow_lookup_uses_one_thread_and_each_caller_checks_the_address(new_odd, resolver):
    server, ended = new_odd(NO_CONTENT), []

    def ask(**changes) -> None:
        try:
            ended.append(client.fetch(request(f"http://slow.example:{server.port}/", **changes)).status)
        except OutboundError as error:
            ended.append(error.kind)

    with loop_on() as runtime:
        client = HttpClient(runtime, resolver)
        ask(timeout_s=0.05)  # this caller gives up, and the next ones find its thread still running
        for destinations in (HERE, HERE, PUBLIC):
            runtime.start_task(lambda destinations=destinations: ask(destinations=destinations))
        pause(runtime)
        resolver.go.set()
        pause_until(runtime, lambda: len(ended) == 4)
    assert Counter(ended) == {FailureKind.TIMEOUT: 1, 204: 2, FailureKind.REFUSED: 1}
    assert resolver.asked == {"slow.example": 1}
