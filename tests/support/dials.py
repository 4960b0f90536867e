"""Numbers that running programs look at: how far their clock is off, how slow their disk is."""

from __future__ import annotations

from pathlib import Path
from struct import calcsize, pack, unpack

FORMAT = "=q"
SIZE = calcsize(FORMAT)


class Dial:
    """Eight bytes in a file, which programs map into their memory. They read 0 at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SIZE))
        path.chmod(0o644)  # PostgreSQL is another user

    def set(self, value: int) -> None:
        with self.path.open("r+b", buffering=0) as file:
            file.write(pack(FORMAT, value))

    def get(self) -> int:
        return unpack(FORMAT, self.path.read_bytes())[0]
