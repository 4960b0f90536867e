"""Flask-SocketIO on eventlet, as its documentation has it: python flask_socketio_peer.py PORT

Only its limits are raised: eventlet's server stops at 1,024 connections unless told otherwise.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import sys  # noqa: E402
import time  # noqa: E402

from eventlet import wsgi  # noqa: E402
from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO, join_room  # noqa: E402
from update import next_update  # noqa: E402

ROOM = "stats"
BACKLOG, CONNECTIONS, PING_S = 4096, 20000, 3600

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet", ping_interval=PING_S, cors_allowed_origins="*")


@socketio.on("connect")
def enter() -> None:
    join_room(ROOM)


@app.get("/emit")
def emit() -> str:
    t0 = time.monotonic_ns()
    for _ in range(int(request.args["n"])):
        socketio.emit("visitor_update", next_update(), to=ROOM)
    return f"t0={t0};"


if __name__ == "__main__":
    listener = eventlet.listen(("127.0.0.1", int(sys.argv[1])), backlog=BACKLOG)
    wsgi.server(listener, app, max_size=CONNECTIONS, log_output=False)
