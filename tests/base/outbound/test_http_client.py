"""HTTP servers that hang, are slow, lie, send too much, or are not who they claim to be."""

import gzip
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from support.application.runtimes import loop_on, pause
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until

from koyjabo.base.outbound import client
from koyjabo.base.outbound.client import MAX_AT_ONCE, HttpClient
from koyjabo.base.outbound.messages import ANYWHERE, FailureKind, OutboundError, OutboundResponse, Request

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
