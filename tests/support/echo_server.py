"""Servers that run `echo_app.py`."""

from __future__ import annotations

from pathlib import Path

from support.server import Server

SCRIPT = str(Path(__file__).with_name("echo_app.py"))


class EchoServer(Server):
    program = (SCRIPT,)


class EchoEngineServer(Server):
    """It echoes below Socket.IO."""

    program = (SCRIPT, "engine")
