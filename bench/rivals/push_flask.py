"""Stock Flask-SocketIO on eventlet, with room for more connections and without pings. Setting: PORT."""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import os  # noqa: E402
import time  # noqa: E402

from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO, join_room  # noqa: E402
from update import next_update  # noqa: E402

CONNECTIONS, HOUR_S = 20_000, 3600

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet", ping_interval=HOUR_S)


@socketio.on("connect")
def join() -> None:
    join_room("stats")


@app.get("/emit")
def emit() -> str:
    t0 = time.monotonic_ns()
    for _ in range(int(request.args["n"])):
        socketio.emit("visitor_update", next_update(), to="stats")
    return f"t0={t0};"


if __name__ == "__main__":
    socketio.run(app, port=int(os.environ["PORT"]), max_size=CONNECTIONS, log_output=False)
