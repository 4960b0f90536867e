"""Visits are numbered within each day: 1, 2, 3, in the order they were counted."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site

from koyjabo.base.models import SITE, Scope
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit, Receipt

HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
STORES, EACH, SECOND_MS, DAY_MS = 3, 20, 1000, 86_400_000


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        site.add_community(HERE)
        site.time.go_to("2025-12-16T23:59:50+06:00")
        yield site


@pytest.fixture
def commit(site):
    """A function that commits visits (visitor, time) as one batch. Returns the numbers."""
    store = open_store(make_url(site.database_url), site.services.clock)

    def numbers(*visits: tuple[str, int], scope: Scope = SITE) -> list[int | None]:
        batch = [(NewVisit(name, name, scope, at_ms=at_ms), name) for name, at_ms in visits]
        with store.writing():
            return [receipt.day_number for receipt in store.commit(batch)]

    yield numbers
    store.close()


@pytest.mark.both_kinds
def test_a_batch_continues_the_numbers_of_each_day_across_midnight(site, commit):
    late, early, old = site.time.ms, site.time.ms + 20 * SECOND_MS, site.time.ms - 44 * DAY_MS
    assert site.register("first").today == 1
    assert commit(("a", late), ("b", early), ("c", late), ("d", early), ("a", late)) == [2, 1, 3, 2, 2]
    assert commit(("e", late), scope=HERE) == [4]  # numbered among the site's visits
    assert commit(("f", old), ("g", old)) == [1, 2]
    assert commit(("h", old), ("i", early), ("f", old)) == [3, 3, 1]
    site.time.ms = early
    assert site.register("after").today == 4
    assert site.recount() == []


def test_a_retry_returns_the_number_within_the_day_even_days_later(site):
    first = site.register("ayesha", visitId="1")
    site.register("babul")
    site.time.pass_(days=2)
    site.restart()
    again = site.register("ayesha", visitId="1")
    assert (again.ordinal, again.today, again.share) == (first.ordinal, 1, first.share)
    site.rows("UPDATE visits SET day_number = NULL")  # as before numbers were introduced
    assert site.register("ayesha", visitId="1").today is None
    assert site.recount() == []


@pytest.mark.both_kinds
def test_several_servers_number_their_visits_without_gaps_or_repeats(site):
    midnight = site.time.ms + 10 * SECOND_MS

    def run(server: int) -> list[tuple[int, Receipt]]:
        store = open_store(make_url(site.database_url), site.services.clock)
        committed = []
        for number in range(EACH):
            batch = []
            for index in range(3):
                at_ms = midnight + (-1 if (number + index) % 3 else 0)
                batch.append((NewVisit(f"{server}", f"{number}-{index}", at_ms=at_ms), f"{number}-{index}"))
            with store.writing():
                receipts = store.commit(batch)
            committed += [(visit.at_ms, receipt) for (visit, _), receipt in zip(batch, receipts, strict=True)]
        store.close()
        return committed

    with ThreadPoolExecutor(STORES) as servers:
        receipts = [pair for committed in servers.map(run, range(STORES)) for pair in committed]
    assert sorted(receipt.ordinal for _, receipt in receipts) == list(range(4001, 4001 + 3 * STORES * EACH))
    numbers = defaultdict(list)
    for at_ms, receipt in receipts:
        numbers[at_ms].append(receipt.day_number)
    assert {at_ms: sorted(number) for at_ms, number in numbers.items()} == {
        midnight - 1: list(range(1, 2 * STORES * EACH + 1)),
        midnight: list(range(1, STORES * EACH + 1)),
    }
    rows = [number for (number,) in site.rows("SELECT day_number FROM visits WHERE day = '2025-12-16' ORDER BY id")]
    assert all(before + 1 == after for before, after in pairwise(rows))
    assert site.recount() == []


def test_a_recount_finds_wrong_day_numbers_and_an_erasure_keeps_the_numbers(site):
    for visitor in ("ayesha", "babul"):
        site.register(visitor)
    site.forget("ayesha")
    assert site.rows("SELECT day_number FROM visits ORDER BY id") == [(1,), (2,)]
    for wrong in (1, 7):
        site.rows(f"UPDATE visits SET day_number = {wrong} WHERE ordinal = 4002")
        assert site.recount() == ["visits: 1 numbers within a day are repeated or exceed the day's sum"], wrong
