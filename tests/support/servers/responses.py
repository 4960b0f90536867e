"""The server's responses as tuples for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stats:
    total: int
    today: int
    active: int
    unique: int
    locations: dict[str, dict[str, int]]
    revision: int
    epoch: str
    stale: bool
    raw: dict[str, Any]

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Stats:
        assert raw["totalVisitors"] == raw["totalVisits"], f"two totals in one answer: {raw}"
        return cls(
            total=raw["totalVisitors"],
            today=raw["todayVisits"],
            active=raw["activeUsers"],
            unique=raw["uniqueVisitors"],
            locations=raw["locations"],
            revision=raw["revision"],
            epoch=raw["epoch"],
            stale=raw.get("stale", False),
            raw=raw,
        )


@dataclass(frozen=True)
class Registered:
    ordinal: int
    duplicate: bool
    stats: Stats

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Registered:
        assert raw["success"] is True
        return cls(raw["visit"]["ordinal"], raw["visit"]["duplicate"], Stats.of(raw["stats"]))
