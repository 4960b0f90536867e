"""Numbers that running programs read, such as their clock offset and disk delay."""

from __future__ import annotations

from pathlib import Path
from struct import calcsize, pack, unpack

FORMAT = "=q"
SIZE = calcsize(FORMAT)


class SharedNumber:
    """Eight bytes in a file that programs map into memory. The initial value is 0."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SIZE))
        path.chmod(0o644)  # PostgreSQL runs as another user

    def set(self, value: int) -> None:
        with self.path.open("r+b", buffering=0) as file:
            file.write(pack(FORMAT, value))

    def get(self) -> int:
        return unpack(FORMAT, self.path.read_bytes())[0]
