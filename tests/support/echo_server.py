"""Servers that run `echo_app.py`."""

from __future__ import annotations

from pathlib import Path

from support.server import Server

SCRIPT = str(Path(__file__).with_name("echo_app.py"))


class EchoServer(Server):
    program = (SCRIPT,)


class HastyEchoServer(Server):
    """Who does not answer a ping is dropped in half a second, which is soon on a busy machine."""

    program = (SCRIPT, "hasty")


class EchoEngineServer(Server):
    """It echoes below Socket.IO."""

    program = (SCRIPT, "engine")


class HastyEchoEngineServer(Server):
    program = (SCRIPT, "engine", "hasty")
