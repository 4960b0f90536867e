"""What Redis does in one step, for several workers at once. Each script says at its head what it takes and gives."""

from __future__ import annotations

from pathlib import Path

from redis import Redis
from redis.commands.core import Script


def load(client: Redis, beside: str, name: str) -> Script:
    """The script `name`.lua, which lies in the folder of the file `beside`, to be called with keys and arguments.

    A Redis that has lost it is given it again.
    """
    return client.register_script(Path(beside).with_name(f"{name}.lua").read_text(encoding="utf-8"))
