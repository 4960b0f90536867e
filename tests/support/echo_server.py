"""A server that runs `echo_app.py`."""

from __future__ import annotations

from pathlib import Path

from support.server import Server


class EchoServer(Server):
    program = (str(Path(__file__).with_name("echo_app.py")),)
