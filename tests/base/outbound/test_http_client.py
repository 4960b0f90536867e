"""Requests to a user's URL: which addresses are allowed, and servers that hang, lie or send too much."""

import gzip
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network

import pytest
from support.application.runtimes import loop_on, pause, pause_until
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.outbound import client
from koyjabo.base.outbound.client import MAX_AT_ONCE, MAX_CHECKED, HttpClient, kind_of
from koyjabo.base.outbound.messages import (
    ANYWHERE,
    PUBLIC,
    Destinations,
    FailureKind,
    OutboundError,
    OutboundResponse,
    Request,
    parse,
)

OK = b"HTTP/1.1 200 OK\r\n"
COMPRESSED = gzip.compress(b"0" * 500_000)
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
TIME_S = 0.3


def get(url: str, **changes) -> Request:
    return Request("GET", url, **{"timeout_s": PATIENCE_S, "most_bytes": 1000, "destinations": ANYWHERE, **changes})


def failure(client: HttpClient, request: Request) -> str:
    with pytest.raises(OutboundError) as caught:
        client.fetch(request)
    return caught.value.kind


def test_request_is_sent_as_it_is_and_answered(client, new_odd):
    server = new_odd(OK + b"Content-Length: 4\r\nX-A: 1\r\nx-a: 2\r\n\r\nsure")
    request = Request("POST", server.url, {"X-Sent": "1"}, b"{}", destinations=ANYWHERE)
    assert client.fetch(request) == OutboundResponse(200, {"content-length": "4", "x-a": "1, 2"}, b"sure")
    sent = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\nAccept-Encoding: identity\r\n"
    assert server.requests == [f"{sent}X-Sent: 1\r\nContent-Length: 2\r\n\r\n{{}}".encode()]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", b"abc"),
        (OK + b"\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a"),
        (OK + b"Content-Length: 1\r\n\r\na" + OK + b"Content-Length: 1\r\n\r\nb", b"a"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + COMPRESSED, COMPRESSED),
    ],
    ids=["chunked", "until closed", "HTTP/1.0", "interim answer", "two answers", "compressed"],
)
def test_answers_are_read_as_http_says(client, new_odd, answer, body):
    assert client.fetch(get(new_odd(answer).url)).body[:1000] == body[:1000]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", FailureKind.CONNECTION),
        (b"HTTP/1.1 200 OK\r\n", FailureKind.CONNECTION),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", FailureKind.CONNECTION),
        (b"SSH-2.0-OpenSSH_9.6\r\n", FailureKind.BAD_RESPONSE),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", FailureKind.BAD_RESPONSE),
        (UPGRADED, FailureKind.BAD_RESPONSE),
        (OK + b"Content-Length: 1001\r\n\r\n", FailureKind.TOO_LARGE),
        (OK + b"\r\n" + b"a" * 10_000_000, FailureKind.TOO_LARGE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1001, FailureKind.TOO_LARGE),
        (OK + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(10_000)), FailureKind.TOO_LARGE),
        (INTERIM * 100_000, FailureKind.TOO_LARGE),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: %s\r\n" % (b"a" * 1000) * 10_000,
            FailureKind.TOO_LARGE,
        ),
    ],
)
def test_server_that_lies_or_sends_too_much_is_an_error(client, new_odd, answer, expected):
    assert failure(client, get(new_odd(answer).url)) == expected


CARELESS = {
    "line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\nRetry-After: 5\n\nok", "5", b"ok"),
    "a line feed after the status": (b"HTTP/1.1 200 OK\nRetry-After: 5\r\n\r\nok", "5", b"ok"),
    "two equal lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\nRetry-After: 5\r\n\r\nok", "5", b"ok"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok", None, b"ok"),
    "a length and chunks": (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", None, None),
    "a bad chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n", None, b"ok"),
    "an unknown encoding": (OK + b"Transfer-Encoding: brotli\r\n\r\nok", None, b"ok"),
    "a space before a colon": (OK + b"Retry-After : 5\r\n\r\nok", "5", b"ok"),
    "a header without a colon": (OK + b"Retry-After: 5\r\nX\r\n\r\n", "5", None),
    "a newer version": (b"HTTP/2 200\r\nRetry-After: 5\r\n\r\nok", "5", b"ok"),
    "an empty line first": (b"\r\n" + OK + b"Content-Length: 2\r\n\r\nok", None, b"ok"),
    "only a status line": (b"HTTP/1.1 200 OK\r\n", None, b""),
    "a status without an end": (b"HTTP/1.1 200", None, b""),
    "an end in the body": (OK + b"Content-Length: 10\r\n\r\nok", None, b"ok"),
    "large headers": (OK + b"X: " + b"a" * 60_000 + b"\r\nRetry-After: 5\r\n\r\nok", "5", b"ok"),
    "too large headers": (OK + b"Retry-After: 5\r\nX: " + b"a" * 10_000_000, "5", None),
}
"""Responses with the status 200 that break HTTP's rules, with Retry-After and the body as they are read."""


def test_response_is_read_up_to_a_mistake_where_only_the_status_matters(client, new_odd):
    for what, (answer, retry_after, body) in CARELESS.items():
        response = client.fetch(get(new_odd(answer).url, only_status=True))
        assert (response.status, response.headers.get("retry-after")) == (200, retry_after), what
        assert body in (None, response.body), what
        assert len(response.body) <= 1000, what


def test_status_counts_if_the_rest_does_not_arrive_in_time(client, new_odd):
    for answer in (b"HTTP/1.1 200 OK\r\n" + b"X: aaa", OK + b"Content-Length: 900\r\n\r\n" + b"a" * 60):
        server = new_odd(answer + b"a" * 900, pause_s=0.01)
        assert client.fetch(get(server.url, only_status=True, timeout_s=4 * TIME_S)).status == 200


@pytest.mark.parametrize(
    "answer", [b"220 mx ESMTP\r\n", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK\r\n", UPGRADED, b"", INTERIM]
)
def test_response_without_a_status_is_an_error_even_where_only_the_status_matters(client, new_odd, answer):
    kind = failure(client, get(new_odd(answer).url, only_status=True))
    assert kind in (FailureKind.CONNECTION, FailureKind.BAD_RESPONSE)


def test_body_may_be_cut_where_only_its_beginning_matters(client, new_odd):
    for framing in (b"Content-Length: 10000000\r\n", b""):
        server = new_odd(OK + framing + b"\r\n" + b"a" * 10_000_000)
        answer = client.fetch(get(server.url, only_status=True))
        assert (answer.status, answer.body) == (200, b"a" * 1000)


def test_threads_of_slow_answers_end_with_their_time(client, new_odd):
    server = new_odd(OK + b"X: " + b"a" * 100_000, 0.01)  # sending all would take over a quarter of an hour
    for url in (server.url, new_odd(b"", None).url):
        assert failure(client, get(url, timeout_s=TIME_S)) == FailureKind.TIMEOUT
    wait_until(lambda: client._requests.running == 0, "its thread has ended")


def test_resolver_that_hangs_is_a_timeout():
    with loop_on() as runtime:
        is_over = threading.Event()
        client = HttpClient(runtime, lambda host, port: ["127.0.0.1"] if is_over.wait(PATIENCE_S) else [])
        assert failure(client, get("http://a.example/", timeout_s=TIME_S)) == FailureKind.TIMEOUT
        is_over.set()


def test_server_without_a_connection_or_an_address_is_an_error(client):
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert failure(client, get(f"http://127.0.0.1:{free_port()}/")) == FailureKind.CONNECTION
    with loop_on() as runtime:
        assert failure(HttpClient(runtime, resolve), get("http://nowhere.invalid/")) == FailureKind.CONNECTION


def test_second_address_is_tried_when_the_first_refuses(new_odd):
    server = new_odd(OK + b"Content-Length: 0\r\n\r\n")
    with loop_on() as runtime:
        client = HttpClient(runtime, lambda host, port: ["127.0.0.3", "127.0.0.1"])
        assert client.fetch(get(f"http://a.example:{server.port}/")).status == 200


def test_header_that_would_end_early_is_not_sent(client, new_odd):
    server = new_odd(OK + b"\r\n")
    with pytest.raises(ValueError, match="Title"):
        client.fetch(get(server.url, headers={"Title": "a\r\nX: 1"}))
    assert server.requests == []


def test_requests_beyond_the_threads_wait_for_their_turn(new_odd):
    """Requests that wait too long are never sent. The others run when threads are free again."""
    silent, quick = new_odd(pause_s=None), new_odd(OK + b"Content-Length: 0\r\n\r\n")
    with loop_on() as runtime:
        client, ended = HttpClient(runtime), []

        def ask(url: str, timeout_s: float) -> None:
            try:
                ended.append(str(client.fetch(get(url, timeout_s=timeout_s)).status))
            except OutboundError as error:
                ended.append(error.kind)

        def wait_for(is_so: Callable[[], bool]) -> None:
            while not is_so():
                pause(runtime)

        for _ in range(MAX_AT_ONCE):
            runtime.start_task(lambda: ask(silent.url, PATIENCE_S))
        wait_for(lambda: len(silent.requests) == MAX_AT_ONCE)
        runtime.start_task(lambda: ask(quick.url, TIME_S))
        runtime.start_task(lambda: ask(quick.url, PATIENCE_S))
        wait_for(lambda: bool(ended))
        assert (ended, quick.requests) == ([FailureKind.TIMEOUT], [])
        silent.stop()  # closes all connections
        wait_for(lambda: len(ended) == MAX_AT_ONCE + 2)
    assert Counter(ended[1:]) == {FailureKind.CONNECTION: MAX_AT_ONCE, "200": 1}
    assert len(quick.requests) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for `a.example` that other machines do not trust."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"]
    name = ["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*command, *files, *name], check=True, capture_output=True)
    return folder / "cert.pem"


def test_certificates_are_checked_against_the_name(new_odd, certificate, monkeypatch):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = new_odd(OK + b"Content-Length: 0\r\n\r\n", context=context)

    def status_of(name: str) -> int:
        with loop_on() as runtime:
            client = HttpClient(runtime, lambda host, port: ["127.0.0.1"])
            return client.fetch(get(f"https://{name}:{server.port}/")).status

    with pytest.raises(OutboundError, match="tls: its certificate is not valid"):
        status_of("a.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client._context.cache_clear()
    try:
        assert status_of("a.example") == 200
        with pytest.raises(OutboundError, match="tls: its certificate is not valid"):
            status_of("b.example")
    finally:
        client._context.cache_clear()


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


def test_url_as_an_address_bar_shows_it_is_encoded():
    target = parse("https://হুক.example/বাস?q=é&b=%20")
    assert (target.host, target.path) == ("xn--p5b5eya.example", "/%E0%A6%AC%E0%A6%BE%E0%A6%B8?q=%C3%A9&b=%20")


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
    """All hostnames, also of URLs being saved, hang."""
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
