from __future__ import annotations

from koyjabo.upkeep.backups.stores import new_name

NOON_MS = 1_795_521_600_000
"""Noon on 2026-11-24, UTC."""


def nights(count: int) -> list[str]:
    """The names of `count` nightly backups, oldest first."""
    return [new_name(NOON_MS + night * 86_400_000) for night in range(count)]


def others(name: str) -> list[str]:
    """Similar names of files that the program did not create."""
    return ["koyjabo-2026-11-24.backup", "notes.txt", f"{name}.old", f".{name}", f"x{name}", name.upper()]
