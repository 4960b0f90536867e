"""The application in this process, with its own database and a clock that tests set.

Everything else is real: routing, ledger, threads, and both databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from koyjabo import create_app
from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.columns.columns import Columns
from koyjabo.reports.engine.insights import Insights
from koyjabo.upkeep.recounts.recounts import Recounts
from koyjabo.upkeep.recounts.total import TotalAdjuster
from koyjabo.upkeep.retention.retention import Reduction, Retention
from support.databases.database import Database
from support.programs.processes import METRICS_TOKEN, NO_CITIES, NO_LIMITS, SECRET

SPEC_MOMENT = 1_765_860_518_412  # 2025-12-16T04:48:38.412Z
TABLES = ("counters", "visits", "visitors", "daily_visits", "hourly_visits", "adjustments", "people", "person_days")

UPGRADE = {  # headers of the handshake in RFC 6455
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
SETTINGS = {  # default settings of a test's site
    "ENVIRONMENT": "production",  # does not read `.env`
    "SECRET_KEY": SECRET,
    "ALLOW_EPHEMERAL_STORAGE": "1",
    "TIMEZONE": "Asia/Dhaka",
    "METRICS_TOKEN": METRICS_TOKEN,
    **NO_LIMITS,
    **NO_CITIES,
}


class Time:
    """The clock of a site, in ms since 1970 UTC. It moves only when a test moves it."""

    def __init__(self, now_ms: int = SPEC_MOMENT) -> None:
        self.ms = now_ms
        self._put_right_by_ms = 0
        self.is_synchronised = False

    @classmethod
    def at(cls, moment: str) -> Time:
        """A clock that shows a moment such as `2025-12-16T23:59:59.999+06:00`."""
        time = cls()
        time.go_to(moment)
        return time

    def __call__(self) -> int:
        return self.ms

    def go_to(self, moment: str) -> None:
        self.ms = round(datetime.fromisoformat(moment).timestamp() * 1000)

    def pass_(self, **how_long: float) -> None:
        self.ms += timedelta(**how_long) // timedelta(milliseconds=1)

    def put_right(self, **by: float) -> None:
        """Change the wall clock without letting time pass."""
        self.pass_(**by)
        self._put_right_by_ms += timedelta(**by) // timedelta(milliseconds=1)

    def elapsed_ms(self) -> int:
        return self.ms - self._put_right_by_ms


@dataclass(frozen=True)
class Registered:
    ordinal: int
    today: int | None
    duplicate: bool
    share: str
    stats: dict[str, Any]


class Site:
    """One application, as its clients and its operator see it."""

    def __init__(self, database_url: str, time: Time | None = None, **settings: Any) -> None:
        self.database_url = database_url
        self.time = time or Time()
        self.settings = {**SETTINGS, "DATABASE_URL": database_url, **settings}
        self.start()

    def start(self) -> None:
        clock = Clock(
            ZoneInfo(self.settings["TIMEZONE"] or "Asia/Dhaka"), self.time, self.time.elapsed_ms, release_ms=0
        )
        clock.is_synchronised = lambda: self.time.is_synchronised
        self.app = create_app(self.settings, clock=clock)
        self.client = self.app.test_client()
        self.services = self.app.extensions["koyjabo"]

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.services.close()

    def restart(self) -> None:
        self.close()
        self.start()

    def post(self, path: str = "/api/visitor/register", **request: Any):
        return self.client.post(path, **request)

    def register(self, visitor: str = "ayesha", **fields: Any) -> Registered:
        answer = self.post(json={"visitorId": visitor, **fields})
        assert answer.status_code == 200, answer.text
        assert answer.json["success"] is True
        return Registered(**answer.json["visit"], stats=answer.json["stats"])

    def forget(self, visitor: str = "ayesha") -> None:
        """Erase the visitor. On a slow machine one request may not be enough, and the server asks for another."""
        while (response := self.post("/api/visitor/forget", json={"visitorId": visitor})).status_code == 503:
            assert response.json["code"] == "not_yet_forgotten", response.text
        assert response.status_code == 204, response.text

    def heartbeat(self, visitor: str = "ayesha"):
        return self.post("/api/visitor/heartbeat", json={"visitorId": visitor})

    def stats(self) -> dict[str, Any]:
        answer = self.client.get("/api/stats")
        assert answer.status_code == 200, answer.text
        return answer.json

    def rows(self, statement: str, **parameters: Any) -> list[tuple]:
        with self.app.app_context(), db.engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def contents(self) -> dict[str, list[tuple]]:
        """Every row of every table, to compare two states."""
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=str) for table in TABLES}

    def add_community(self, community: str) -> None:
        """Create a community's scope, as founding the community does."""
        self.rows(
            "INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision) "
            "SELECT :scope, epoch, 0, 0, 0, revision FROM counters WHERE scope = 'site'",
            scope=community,
        )

    def set_total(self, total: int, new_epoch: bool = False) -> tuple[int, int]:
        return self.services[TotalAdjuster].set_total(OPERATOR, total, "koyjabo total set", new_epoch)

    @property
    def reports(self) -> Insights:
        return self.services[Insights]

    def store_blocks(self) -> None:
        """Store the blocks of visits and events that reports read."""
        self.services[Columns].catch_up()

    def reduce(self, days: int | None = None, advance: Callable[[int], None] = lambda visits: None) -> Reduction:
        """Reduce visits that are older than this many days, or than RETENTION_DAYS."""
        retention = self.services[Retention]
        first_kept = retention.first_kept() if days is None else shifted(self.services.clock.today(), -days)
        return retention.reduce(first_kept, advance)

    def recount(self) -> list[str]:
        return self.services[Recounts].run(lambda rows, label: nullcontext(lambda done: None)).problems


def site_fixture(moment: str = "", is_shared: bool = False, **settings: Any) -> Any:
    """A fixture for a site with these settings, whose clock begins at `moment`. A module's tests may share it."""

    def new_site(database: Database) -> Iterator[Site]:
        with Site(database.url, Time.at(moment) if moment else None, **settings) as site:
            yield site

    def shared_site(module_database: Database) -> Iterator[Site]:
        yield from new_site(module_database)

    return pytest.fixture(scope="module")(shared_site) if is_shared else pytest.fixture(new_site)


@contextmanager
def nothing_counted(site: Site) -> Iterator[None]:
    """Assert that the block changes no number and no row."""
    before = (site.stats(), site.contents())
    yield
    assert (site.stats(), site.contents()) == before


def assert_error(answer: Any, status: int, code: str, *fields: str) -> None:
    """Assert the common error format, with `details` for exactly these fields."""
    assert (answer.status_code, answer.content_type) == (status, "application/json"), answer.text
    assert list(answer.json) == ["error", "code", "details"]
    assert answer.json["code"] == code
    assert set(answer.json["details"]) == set(fields)
    for sentence in (answer.json["error"], *answer.json["details"].values()):
        assert isinstance(sentence, str)
        assert " " in sentence
    assert answer.json["error"].endswith(".")


def everything(site: Site) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the models, by column."""
    with site.app.app_context(), db.engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in db.metadata.sorted_tables
        }
