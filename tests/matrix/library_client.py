"""A program that uses a library of PyPI. It prints each total that it receives as a line of JSON.

Arguments: the server's URL, a folder that is not used, the library, and "polling" or nothing. HTTP libraries register
a visit and read the numbers, at first and for each line of standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
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


def show(text: str) -> None:
    event = json.loads(text)
    if "stats" in event:
        say("shown", total=event["stats"]["totalVisits"])


def python_socketio() -> None:
    import socketio

    client = socketio.Client()
    client.on("visitor_update", lambda event: show(json.dumps(event)))
    client.connect(URL, transports=TRANSPORTS)
    client.wait()


def python_engineio() -> None:
    import engineio

    client = engineio.Client()
    client.on("connect", lambda: client.send("0"))
    client.on("message", show_packet)
    client.connect(URL, transports=TRANSPORTS, engineio_path="socket.io")
    client.wait()


def show_packet(packet: str) -> None:
    """Show an event of Socket.IO: `2["visitor_update", {…}]`."""
    if packet.startswith("2["):
        show(json.dumps(json.loads(packet[1:])[1]))


def websockets() -> None:
    from websockets.sync.client import connect

    with connect(SOCKET) as socket:
        for message in socket:
            show(str(message))


def websocket_client() -> None:
    from websocket import WebSocketApp

    WebSocketApp(SOCKET, on_message=lambda _, message: show(message)).run_forever(reconnect=1)


def httpx_sse() -> None:
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client() as client, connect_sse(client, "GET", STREAM) as source:
        for event in source.iter_sse():
            show(event.data)


def sseclient() -> None:
    from sseclient import SSEClient

    for event in SSEClient(STREAM):
        if event.data:
            show(event.data)


def sseclient_py() -> None:
    import requests
    from sseclient import SSEClient

    for event in SSEClient(requests.get(STREAM, stream=True)).events():
        show(event.data)


def by_urllib(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(URL + path, body, headers)) as answer:
            return answer.status, answer.headers.get("ETag", ""), answer.read().decode()
    except HTTPError as error:
        return error.code, "", ""


def by_requests(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    import requests

    answer = requests.request("POST" if body else "GET", URL + path, data=body, headers=headers)
    return answer.status_code, answer.headers.get("ETag", ""), answer.text


def by_httpx(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    import httpx

    answer = httpx.request("POST" if body else "GET", URL + path, content=body, headers=headers)
    return answer.status_code, answer.headers.get("ETag", ""), answer.text


def by_curl(path: str, body: bytes | None, headers: dict[str, str]) -> Response:
    options = [f"-H{name}: {value}" for name, value in headers.items()] + (["-d", body.decode()] if body else [])
    command = ["curl", "-sS", *options, "-w", "\n%header{etag}\n%{http_code}", URL + path]
    text, etag, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rsplit("\n", 2)
    return int(status), etag, text


def visit_and_read(call: Callable[[str, bytes | None, dict[str, str]], Response], known: dict[str, Any]) -> None:
    """Send the visit, again if it was sent before, and show the total. With polling, an unchanged one is not sent."""
    call("/api/visitor/register", json.dumps(VISIT).encode(), {"Content-Type": "application/json"})
    status, etag, text = call("/api/stats", None, {"If-None-Match": known["etag"]} if MODE and known else {})
    if status != 304:
        known |= {"etag": etag, "total": json.loads(text)["totalVisits"]}
    say("shown", total=known["total"])


HTTP = {"urllib": by_urllib, "requests": by_requests, "httpx": by_httpx, "curl": by_curl}
LISTENING = {
    **{"python-socketio 4": python_socketio, "python-socketio 5": python_socketio, "python-engineio": python_engineio},
    **{"websockets": websockets, "websocket-client": websocket_client},
    **{"httpx-sse": httpx_sse, "sseclient": sseclient, "sseclient-py": sseclient_py},
}


def keep(trying: Callable[[], None]) -> None:
    """Call until it returns without an error, as a program does that must not end."""
    while True:
        try:
            return trying()
        except Exception as error:
            say("failed", error=repr(error))
            time.sleep(PAUSE_S)


if LIBRARY in HTTP:
    known: dict[str, Any] = {}
    keep(lambda: visit_and_read(HTTP[LIBRARY], known))
    for _ in sys.stdin:
        keep(lambda: visit_and_read(HTTP[LIBRARY], known))
else:
    while True:
        keep(LISTENING[LIBRARY])
        time.sleep(PAUSE_S)
