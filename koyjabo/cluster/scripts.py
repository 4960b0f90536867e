"""Loads the Lua scripts that Redis runs atomically. The head of each script gives its keys, arguments and result."""

from __future__ import annotations

from pathlib import Path

from redis import Redis
from redis.commands.core import Script


def load(client: Redis, beside: str, name: str) -> Script:
    """Register the script `name`.lua from the folder of the file `beside`. Call the result with keys and arguments.

    The client loads the script again when Redis has lost it.
    """
    return client.register_script(Path(beside).with_name(f"{name}.lua").read_text(encoding="utf-8"))
