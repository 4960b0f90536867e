"""Blocks of visits and events: all workers store the same, without duplicates or losses, and a recount finds errors."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, Time
from support.sites.full_site import in_context, quiet, use_small_blocks

from koyjabo.columns.blocks import block_queries
from koyjabo.columns.columns import Columns
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.upkeep.recounts.recounts import Recounts

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
STORED = "SELECT first, last, first_day, last_day, packed FROM {} ORDER BY first"
REMOVED = """
UPDATE watermarks SET upto = (SELECT max(upto) + 1 FROM watermarks WHERE name IN ('changes', 'blocks'))
WHERE name IN ('changes', 'blocks')
"""
CHANGES = """
INSERT INTO watermarks VALUES ('changes', 1, 0) ON CONFLICT (name) DO UPDATE SET upto = watermarks.upto + 1
"""
ATTENDED = "INSERT INTO watermarks VALUES ('attendance', 1, 0), ('attendance_dropped', 1, 0)"
"""The change of an attended time that is already removed from `attendance`."""


@pytest.fixture
def site(database, monkeypatch):
    """A site whose blocks end after eight rows, or after four at the end of a day."""
    use_small_blocks(monkeypatch)
    with Site(database.url, Time.at("2025-10-08T10:30:00+06:00")) as site:
        site.add_community(HERE)
        visit(site)
        yield site


def visit(site: Site, count: int = 30) -> None:
    for number in range(count):
        page, community = ("/", "/fares?utm_source=mail")[number % 2], {"communityId": HERE} if number % 3 else {}
        site.register(f"v{number % 5}", page=page, referrer="https://www.google.com/search", **community)
        event = {"id": f"{site.time.ms}", "name": "search", "props": {"n": number}}
        site.post("/api/events", json={"visitorId": f"v{number % 5}", "events": [event]})
        site.time.pass_(hours=3)


def stored(site: Site) -> list[tuple]:
    site.store_blocks()
    assert site.recount() == []
    return [(*row[:4], bytes(row[4])) for table in ("visit_blocks", "event_blocks") for row in rows_of(site, table)]


def rows_of(site: Site, table: str) -> list[tuple]:
    return site.rows(STORED.format(table))


def counted(site: Site) -> tuple:
    reports, query = site.reports, ReportQuery("2025-10-08", site.services.clock.today())
    return reports.summary(query).figures[2:8]


def test_blocks_that_are_stored_in_pieces_or_by_several_workers_are_the_same(site):
    pieces = stored(site)
    visit(site, 10)
    pieces = stored(site)
    assert [row[1] - row[0] + 1 for row in rows_of(site, "visit_blocks")] == [5, *[8] * 4]
    site.rows(CHANGES)  # a program that does not know about blocks has changed rows
    with Site(site.database_url, site.time) as other:
        assert counted(other) == counted(site) == (40, 5, 5, 0, 40, 40)
        assert stored(other) == pieces


@pytest.mark.both_kinds
def test_each_block_is_stored_once_when_two_workers_store_blocks_at_the_same_time(site):
    with Site(site.database_url, site.time) as other, ThreadPoolExecutor(2) as threads:
        begin = threading.Barrier(2)

        def store(server: Site) -> None:
            begin.wait()
            server.store_blocks()

        list(threads.map(store, (site, other)))
        firsts = [(row[0], row[1]) for row in rows_of(site, "visit_blocks")]
        assert [first for first, _ in firsts[1:]] == [last + 1 for _, last in firsts[:-1]]
        assert counted(site) == counted(other) == (30, 5, 5, 0, 30, 30)


@pytest.mark.parametrize("rows", ["first < 3", "first = 14"])
def test_the_rows_of_a_lost_block_are_read_and_stored_again(site, rows):
    right = stored(site)
    site.rows(f"DELETE FROM visit_blocks WHERE {rows}")
    with Site(site.database_url, site.time) as other:
        assert counted(other) == (30, 5, 5, 0, 30, 30)
        assert stored(other) == right


def test_the_blocks_of_an_earlier_parser_are_stored_again(site):
    right = stored(site)
    with Site(site.database_url, site.time, PUBLIC_URL="https://www.google.com") as other:
        others = stored(other)
        assert others != right
        sources = other.reports.breakdown(ReportQuery("2025-10-08", "2025-10-08"), "source")
        assert [row.value for row in sources.rows] == [None, "mail"]
        assert stored(site) == right
        assert stored(other) == right  # each recreates them once, rather than forever in turn


def test_the_blocks_do_not_overlap_after_the_first_blocks_were_removed(site):
    """A worker that has read nothing yet starts where the stored blocks start, however few rows there are."""
    stored_ids(site)
    for table in ("visit", "event"):
        site.rows(f"DELETE FROM {table}_blocks WHERE first < 6")
        site.rows(f"DELETE FROM {table}s WHERE id < 6")
    site.rows(CHANGES)
    site.rows(REMOVED)
    with Site(site.database_url, site.time) as other:
        visit(other, 10)
        stored_ids(other)
        assert counted(other)[0] == counted(site)[0] == 35


def stored_ids(site: Site) -> None:
    site.store_blocks()
    for table in ("visit_blocks", "event_blocks"):
        rows = rows_of(site, table)
        assert [row[0] for row in rows[1:]] == [row[1] + 1 for row in rows[:-1]]


WRONG = (
    "UPDATE visit_blocks SET packed = (SELECT packed FROM visit_blocks WHERE first = 14) WHERE first = 6",
    "UPDATE event_blocks SET packed = (SELECT packed FROM event_blocks WHERE first = 14) WHERE first = 6",
    "UPDATE visits SET page = '/other' WHERE id = 3",
    "DELETE FROM events WHERE id = 3",
)


@pytest.mark.both_kinds
def test_a_recount_finds_every_changed_block_and_a_repair_rebuilds_the_blocks(site):
    stored(site)
    for change in WRONG:
        site.rows(change)
        (problem,) = site.recount()
        assert problem.endswith("do not match their block"), change
        assert "other" not in problem
        with in_context(site):
            assert site.services[Recounts].repair(quiet)[1] == []
        stored(site)


@pytest.mark.parametrize("change", [CHANGES, ATTENDED])
def test_a_block_is_not_stored_if_its_rows_have_changed_since_they_were_read(site, change):
    writer = site.services[Columns]._writer
    for _ in range(3):
        state, unsaved, _ = writer._database.scan(writer._sums.read_some)
    site.rows(change)
    assert unsaved
    writer._database.write(block_queries.save, state, writer._sums.rules, unsaved)
    assert rows_of(site, "visit_blocks") == []
