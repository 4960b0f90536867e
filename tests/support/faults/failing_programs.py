"""Programs whose server behaves or fails in a chosen way."""

from __future__ import annotations

from pathlib import Path

SERVE = """
import sys
from koyjabo.server import serve
from koyjabo.server.process import parent
parent.PROGRAM = __file__
sys.exit(serve())
"""
"""Starts the server. If the parent executes its program again, it executes this one."""

PATIENT = f"""
from koyjabo.server.process import parent
assert parent.WORKER_DRAIN_S < parent.KILL_AFTER_S < 10
parent.WORKER_DRAIN_S = parent.KILL_AFTER_S = 3600.0
{SERVE}
"""
"""A program that may drain for an hour, so that tests notice if a server waits until the limit."""


def failing(flag: Path, function: str, error: str) -> str:
    """A program whose `module:function` raises `error` while `flag` exists."""
    module, _, name = function.partition(":")
    return f"""
import errno, os
import {module} as patched
original = patched.{name}

def fail_while_wanted(*arguments, **options):
    if os.path.exists({str(flag)!r}):
        raise {error}
    return original(*arguments, **options)

patched.{name} = fail_while_wanted
{SERVE}
"""


def written(folder: Path, script: str) -> tuple[str, ...]:
    """Write the script to `folder`, and return the arguments that run it as a server. It is forked like the product."""
    program = folder / "loading_server.py"
    program.write_text(script)
    return (str(program),)
