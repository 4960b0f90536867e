"""A query's cached sums follow the log: nothing is read twice or missed."""

import pytest
from support.application.site import Site, Time
from support.sites.full_site import rebuild, use_small_blocks

from koyjabo.base.models import Scope
from koyjabo.columns.blocks import block_queries, table_rows
from koyjabo.columns.blocks.block import Block
from koyjabo.columns.blocks.table_rows import TableRows
from koyjabo.columns.query.report_query import Filter, ReportQuery

FRIDAY, SATURDAY = "2025-10-10", "2025-10-11"
MIRPUR, UTTARA = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"), Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a12")

ATTEND = (
    "UPDATE visits SET attended_ms = 5000 WHERE id = {id}",
    "INSERT INTO watermarks (name, upto, version) VALUES ('attendance', 1, 0)",
    """INSERT INTO attendance (visit_id, seq, settled_ms, settled_until_ms, spans, beats)
       VALUES ({id}, 1, 0, 0, '[]', '[]')""",
)


@pytest.fixture
def site(sqlite_database):
    time = Time.at(f"{FRIDAY}T10:30:00+06:00")
    with Site(sqlite_database.url, time) as site:
        site.register("ayesha", page="/")
        time.pass_(days=1)
        site.register("ayesha", page="/fares")
        site.store_blocks()
        yield site


def visits(site: Site, query: ReportQuery) -> int | None:
    return site.reports.summary(query).figures.visits


def test_a_compared_day_grows_with_the_clock_and_shrinks_when_it_is_set_back(site):
    """The compared day's visits count up to the current time of day."""
    reports = site.reports

    def compared() -> int | None:
        query = ReportQuery(SATURDAY, SATURDAY)
        return reports.summary(query, "previous").compared.visits

    site.time.go_to(f"{SATURDAY}T10:00:00+06:00")
    assert compared() == 0
    site.time.go_to(f"{SATURDAY}T10:31:00+06:00")
    assert compared() == 1
    site.time.go_to(f"{SATURDAY}T10:29:00+06:00")
    assert compared() == 0


def test_a_visit_that_was_not_measured_is_not_attended(site):
    site.rows("UPDATE visits SET attended_ms = NULL WHERE id = 1")
    site.rows("UPDATE visits SET attended_ms = 1000 WHERE id = 2")
    attended = {"attended": Filter(none_of=frozenset(["none"]))}
    site.reports._database.write(block_queries.remove_all_blocks)
    assert visits(site, ReportQuery(FRIDAY, SATURDAY, filters=attended)) == 1


def test_the_report_of_a_community_reads_only_the_rows_of_the_community(site, monkeypatch):
    """Twenty visits cost the same on a site with 400,000 others. The second query reads no block again."""
    use_small_blocks(monkeypatch)
    site.add_community(MIRPUR)
    for number in range(80):
        here = {"communityId": MIRPUR} if number in (16, 50, 77) else {}
        site.register(f"v{number}", page="/", **here)
        event = {"id": str(number), "name": "search"}
        site.post("/api/events", json={"visitorId": f"v{number}", "events": [event]})
    rebuild(site)
    read, unpack, rows, unpacked = TableRows.rows, Block.unpack, [], []

    def rows_read(table, *args):
        for batch in read(table, *args):
            rows.append(len(batch.all("id")))
            yield batch

    monkeypatch.setattr(TableRows, "rows", rows_read)
    monkeypatch.setattr(Block, "unpack", lambda *args: unpacked.append(args) or unpack(*args))
    monkeypatch.setattr(table_rows, "MAX_BLOCK_BYTES", 0)
    with Site(site.database_url, site.time) as other:  # this one has not read any blocks
        for page, blocks in ("/nowhere", 2 * 3), ("/nothing", 0):
            rows.clear()
            unpacked.clear()
            query = ReportQuery(FRIDAY, SATURDAY, MIRPUR, {"page": Filter(none_of=frozenset([page]))})
            figures = other.reports.summary(query).figures
            assert (figures.visits, figures.events) == (3, 3)
            assert len(unpacked) <= blocks
            assert sum(rows) == 2 * 3, "its three visits and its three events"


def test_the_rows_copied_for_a_community_follow_the_attended_times(site, monkeypatch):
    use_small_blocks(monkeypatch)
    site.add_community(MIRPUR)
    for number in range(20):
        site.register(f"v{number}", **({"communityId": MIRPUR} if number == 5 else {}))
    rebuild(site)

    def attended(page: str) -> int | None:
        query = ReportQuery(FRIDAY, SATURDAY, MIRPUR, {"page": Filter(none_of=frozenset([page]))})
        return site.reports.summary(query).figures.attended

    assert attended("/one") == 0
    ((id,),) = site.rows(f"SELECT id FROM visits WHERE scope = '{MIRPUR}'")
    for statement in ATTEND:
        site.rows(statement.format(id=id))
    assert [attended("/one"), attended("/another")] == [1, 1]
