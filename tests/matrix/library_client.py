"""A program that uses a library of PyPI. It prints each total that it receives as a line of JSON.

Arguments: the server's URL, a folder that is not used, the library, and "polling" or nothing. HTTP libraries register
a visit and read the numbers, at first and for each line of standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

URL, _, LIBRARY, MODE = sys.argv[1:]
SOCKET, STREAM = URL.replace("http:", "ws:") + "/", URL + "/api/stream"
TRANSPORTS = ["polling"] if MODE else None
PAUSE_S = 0.2
VISIT = {"visitorId": f"{LIBRARY}-{time.monotonic_ns()}".replace(" ", "-"), "visitId": "1"}

Response = tuple[int, str, str]
"""Status, ETag and text."""

OUTPUT, sys.stdout = sys.stdout, sys.stderr  # libraries print, too


def say(what: str, **fields: Any) -> None:
    OUTPUT.write(f"{json.dumps({'what': what, **fields})}\n")
    OUTPUT.flush()


def show(event: dict[str, Any]) -> None:
    if "stats" in event:
        say("shown", total=event["stats"]["totalVisits"])


def show_messages(messages: Iterator[str | bytes]) -> None:
    for message in filter(None, messages):
        show(json.loads(message))


def python_socketio() -> None:
    client = import_module("socketio").Client()
    client.on("visitor_update", show)
    client.connect(URL, transports=TRANSPORTS)
    client.wait()


def python_engineio() -> None:
    """Packets with an event of Socket.IO are `2["visitor_update", {…}]`."""
    client = import_module("engineio").Client()
    client.on("connect", lambda: client.send("0"))
    client.on("message", lambda packet: packet.startswith("2[") and show(json.loads(packet[1:])[1]))
    client.connect(URL, transports=TRANSPORTS, engineio_path="socket.io")
    client.wait()


def websockets() -> None:
    with import_module("websockets.sync.client").connect(SOCKET) as socket:
        show_messages(socket)


def websocket_client() -> None:
    client = import_module("websocket")
    client.WebSocketApp(SOCKET, on_message=lambda _, message: show(json.loads(message))).run_forever(reconnect=1)


def httpx_sse() -> None:
    connect = import_module("httpx_sse").connect_sse
    with import_module("httpx").Client() as client, connect(client, "GET", STREAM) as source:
        show_messages(event.data for event in source.iter_sse())


def sseclient() -> None:
    show_messages(event.data for event in import_module("sseclient").SSEClient(STREAM))


def sseclient_py() -> None:
    stream = import_module("requests").get(STREAM, stream=True)
    show_messages(event.data for event in import_module("sseclient").SSEClient(stream).events())


def by_urllib(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(URL + path, body, headers)) as answer:
            return answer.status, answer.headers.get("ETag", ""), answer.read().decode()
    except HTTPError as error:
        return error.code, "", ""


def by_request(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    """Call requests or httpx, which have one form."""
    sent = {"data" if LIBRARY == "requests" else "content": body}
    answer = import_module(LIBRARY).request("POST" if body else "GET", URL + path, headers=headers, **sent)
    return answer.status_code, answer.headers.get("ETag", ""), answer.text


def by_curl(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    options = [f"-H{name}: {value}" for name, value in headers.items()] + (["-d", body.decode()] if body else [])
    command = ["curl", "-sS", *options, "-w", "\n%header{etag}\n%{http_code}", URL + path]
    text, etag, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rsplit("\n", 2)
    return int(status), etag, text


HTTP = {"urllib": by_urllib, "requests": by_request, "httpx": by_request, "curl": by_curl}
LISTENING = {
    **{"python-socketio 4": python_socketio, "python-socketio 5": python_socketio, "python-engineio": python_engineio},
    **{"websockets": websockets, "websocket-client": websocket_client},
    **{"httpx-sse": httpx_sse, "sseclient": sseclient, "sseclient-py": sseclient_py},
}
known: dict[str, Any] = {}


def visit_and_read() -> None:
    """Send the visit, again if it was sent before, and show the total. With polling, an unchanged one is not sent."""
    call = HTTP[LIBRARY]
    call("/api/visitor/register", json.dumps(VISIT).encode(), {"Content-Type": "application/json"})
    status, etag, text = call("/api/stats", None, {"If-None-Match": known["etag"]} if MODE and known else {})
    if status != 304:
        known.update(etag=etag, total=json.loads(text)["totalVisits"])
    say("shown", total=known["total"])


def keep(trying: Callable[[], None]) -> None:
    """Call until it returns without an error, as a program does that must not end."""
    while True:
        try:
            return trying()
        except Exception as error:
            say("failed", error=repr(error))
            time.sleep(PAUSE_S)


if LIBRARY in HTTP:
    keep(visit_and_read)
    for _ in sys.stdin:
        keep(visit_and_read)
else:
    while True:
        keep(LISTENING[LIBRARY])
        time.sleep(PAUSE_S)
