"""Random histories: a total's receipt adds up and lists exactly the visit numbers it counts."""

from contextlib import suppress
from copy import deepcopy
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.application.site import Site, Time
from support.databases.database import Database, SqliteDatabase
from support.models.state_machines import play
from support.sites.backups import back_up, restore

from koyjabo.base.core.errors import LedgerUnavailable

FILES = count()
CHANGES = ("start", "adjustment", "rolled_back")


class Expected:
    """The receipt expected after the actions so far."""

    def __init__(self, start: int) -> None:
        self.total = start
        self.sums = {**dict.fromkeys(CHANGES, 0), "start": start}
        self.numbers: list[int] = []  # of all counted visits

    def count_visits(self, visits: int) -> None:
        self.numbers += range(self.total + 1, self.total + visits + 1)
        self.total += visits

    def change(self, kind: str, by: int) -> None:
        self.sums[kind] += by
        self.total += by


class ReceiptMachine(RuleBasedStateMachine):
    def __init__(self, new_database: Any, folder: Path) -> None:
        super().__init__()
        self.new_database, self.folder = new_database, folder
        self.names = count()

    @initialize(total=st.sampled_from([0, 4000]))
    def begin(self, total: int) -> None:
        self.database: Database = self.new_database()
        self.site, self.expected = Site(self.database.url, Time(), STARTING_TOTAL=total), Expected(total)
        self.days = 0

    @rule(visits=st.integers(1, 3))
    def visits_come(self, visits: int) -> None:
        self.visit(visits)

    def visit(self, visits: int) -> None:
        for _ in range(visits):
            assert self.site.register(visitId=f"{next(self.names)}").ordinal == self.expected.total + 1
            self.expected.count_visits(1)

    @rule(days=st.integers(0, 2))
    def time_passes(self, days: int) -> None:
        self.site.time.pass_(days=days, seconds=7)

    @rule(change=st.sampled_from([-3, -1, 0, 10, 5000]), begins=st.booleans())
    def the_total_is_set(self, change: int, begins: bool) -> None:
        self.set_total(change, begins)

    def set_total(self, change: int, begins: bool = False) -> None:
        total = max(0, self.expected.total + change)
        self.site.set_total(total, new_epoch=begins or total < self.expected.total)
        self.expected.change("adjustment", total - self.expected.total)

    @rule(days=st.integers(1, 2))
    def old_visits_are_reduced(self, days: int) -> None:
        self.site.reduce(days)

    @rule(visits=st.integers(1, 2), change=st.sampled_from([0, 7]))
    def the_database_goes_back(self, visits: int, change: int) -> None:
        remembered, then = self.database.remember(), deepcopy(self.expected)
        self.visit(visits)
        if change:
            with suppress(LedgerUnavailable):  # writes are not retried, and `remember` cut the connections
                self.set_total(0)
            self.set_total(change)
        self.site.stats()  # only shown numbers are remembered
        self.database.go_back(remembered)
        remembered.remove()
        then.change("rolled_back", self.expected.total - then.total)
        self.expected = then
        self.visit(1)

    @rule(visits=st.integers(0, 2), change=st.sampled_from([0, 7]))
    def a_backup_is_restored(self, visits: int, change: int) -> None:
        file, then = back_up(self.site, self.folder / f"{next(FILES)}.backup"), deepcopy(self.expected)
        days = self.days
        self.visit(visits)
        self.set_total(change)
        self.site.time.pass_(seconds=1)
        restore(self.site, file, force=True)
        self.expected, self.days = then, days

    @invariant()
    def the_receipt_adds_up(self) -> None:
        shown, stats = self.site.client.get("/api/receipt").json, self.site.stats()
        parts, expected = shown["parts"], self.expected
        assert shown["total"] == stats["totalVisits"] == expected.total == sum(part["count"] for part in parts)
        assert self.sums(parts) == expected.sums
        assert self.numbers(parts) == expected.numbers
        assert {ordinal for (ordinal,) in self.site.rows("SELECT ordinal FROM visits")} <= set(expected.numbers)
        reached = 0
        for part in parts:
            assert abs(part["count"]) == part["to"] - part["from"] + 1
            assert reached == (part["from"] - 1 if part["count"] > 0 else part["to"])
            reached += part["count"]

    def sums(self, parts: list[dict[str, Any]]) -> dict[str, int]:
        return {kind: sum(part["count"] for part in parts if part["kind"] == kind) for kind in CHANGES}

    def numbers(self, parts: list[dict[str, Any]]) -> list[int]:
        return [n for part in parts if part["kind"] == "visits" for n in range(part["from"], part["to"] + 1)]

    def teardown(self) -> None:
        if hasattr(self, "site"):
            try:
                assert self.site.recount() == []
            finally:
                self.site.close()


@pytest.mark.long(proved_by="site/receipts/test_receipts.py::test_each_number_of_the_total_is_in_one_part")
def test_receipts_add_up(kind, tmp_path, request):
    files = count()
    new_databases = {
        "sqlite": lambda: SqliteDatabase.migrated(tmp_path / f"{next(files)}.db"),
        "postgres": lambda: request.getfixturevalue("postgres").new_database(),
    }
    times, steps = {"sqlite": (16, 18), "postgres": (4, 15)}[kind]
    play(partial(ReceiptMachine, new_databases[kind], tmp_path), times, steps)
