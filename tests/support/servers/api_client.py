"""Calls a server as a page would."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import requests

from support.programs.patience import PATIENCE_S
from support.programs.processes import METRICS_TOKEN

WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares a client the certificates of authorities, which take 14 ms of CPU to load."""


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


class Caller:
    """One browser, which keeps its connections open."""

    def __init__(self) -> None:
        self.port = 0
        self._http = requests.Session()
        self._http.trust_env = False  # ignore proxies

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._http.get(self.url + path, **{"timeout": PATIENCE_S, **options})

    def metrics(self) -> str:
        """The metrics that Prometheus scrapes."""
        answer = self.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **options: Any) -> requests.Response:
        return self._http.post(self.url + path, **{"timeout": PATIENCE_S, **options})

    def post_visit(self, visitor: str, visit: str | None = None, **fields: Any) -> requests.Response:
        body = {"visitorId": visitor, **({"visitId": visit} if visit else {}), **fields}
        return self.post("/api/visitor/register", json=body)

    def register(self, visitor: str, visit: str | None = None, **fields: Any) -> Registered:
        answer = self.post_visit(visitor, visit, **fields)
        assert answer.status_code == 200, answer.text
        return Registered.of(answer.json())

    def stats(self) -> Stats:
        answer = self.get("/api/stats")
        assert answer.status_code == 200, answer.text
        return Stats.of(answer.json())
