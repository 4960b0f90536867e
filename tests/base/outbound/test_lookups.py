"""DNS lookups that hang: each occupies its own thread, and delays only its own callers."""

from __future__ import annotations

import threading
from collections import Counter
from ipaddress import ip_network

import pytest
from support.application.runtimes import loop_on, pause, pause_until

from koyjabo.base.outbound.client import MAX_AT_ONCE, MAX_CHECKED, HttpClient
from koyjabo.base.outbound.messages import PUBLIC, Destinations, FailureKind, OutboundError, Request

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
