"""Libraries of npm and PyPI for Socket.IO, WebSockets, event streams and HTTP, as other people's programs use them.

`docs/realtime.md` and `docs/api.md` decide the outcomes: Socket.IO 5 is served, by both transports with one worker;
after each lost connection, the first event has the current state; a retry of a visit counts nothing.
"""

from __future__ import annotations

from matrix.table import ANY, Table

SOCKETIO = {"socket.io-client 4", "socket.io-client 3", "python-socketio 5", "python-engineio"}
OLD_SOCKETIO = {"socket.io-client 2", "socket.io-client 1", "python-socketio 4"}
WEBSOCKETS = {"websockets", "websocket-client", "ws", "undici"}
STREAMS = {"httpx-sse", "sseclient", "sseclient-py", "eventsource"}
HTTP = {"urllib", "requests", "httpx", "curl", "fetch"}

CLIENTS = Table(
    name="clients",
    test="matrix/test_clients.py::test_a_library_has_the_outcome_of_its_row",
    distortions=("default options", "polling only", "reconnect", "slow reader", "half-closed", "proxy in between"),
    rows="""
    urllib, requests, httpx, curl, fetch                            c c c c c c
    socket.io-client 1, socket.io-client 2                          r r r r r r
    socket.io-client 3, socket.io-client 4                          c c c c c c
    python-socketio 4                                               r r r r r r
    python-socketio 5, python-engineio                              c c c c c c
    websockets, websocket-client, ws, undici, httpx-sse, sseclient  c - c c c c
    sseclient-py, eventsource                                       c - c c c c
    """,
    reasons={(ANY, "polling only"): "neither a WebSocket nor a stream polls"},
    says=dict.fromkeys(((name, ANY) for name in OLD_SOCKETIO), "version 3 or newer"),
)
