"""What Redis does in one step, for several workers at once. Each script says at its head what it takes and gives."""

from __future__ import annotations

from pathlib import Path

from redis import Redis
from redis.commands.core import Script

FOLDER = Path(__file__).parent


def load(client: Redis, name: str) -> Script:
    """The script `name`.lua, to be called with keys and arguments. A Redis that has lost it is given it again."""
    return client.register_script((FOLDER / f"{name}.lua").read_text(encoding="utf-8"))
