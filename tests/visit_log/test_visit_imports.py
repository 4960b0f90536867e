"""Visits brought from elsewhere: each counted once, at its time, whatever happens in between."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from support.app_fixtures import SPEC_MOMENT, Site
from support.archive_world import DAY_MS, bring, everything, fill, in_context
from support.processes import wait_until

from koyjabo.clock import iso
from koyjabo.counting.records import NewVisit
from koyjabo.database import lease, throttle
from koyjabo.errors import DatabaseInUse, LedgerUnavailable
from koyjabo.extensions import db
from koyjabo.maintenance import fold_queries
from koyjabo.maintenance.retention import Pruned
from koyjabo.models import SITE
from koyjabo.visit_log import file_format, import_queries
from koyjabo.visit_log import importing as visit_imports
from koyjabo.visit_log.import_file import BadLine
from koyjabo.visit_log.import_queries import ImportUnderWay
from koyjabo.visit_log.importing import Busy, Imported
from koyjabo.visit_log.visit_log import Filter, VisitLog

pytestmark = pytest.mark.both_kinds

KINDS = tuple(file_format.MIMETYPES)
NOT_SAME = {"id", "ordinal", "community", "user"}
"""Ordinals are given anew; names are those of here."""


@pytest.fixture(scope="module")
def full(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        fill(site)
        yield site


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.time.ms = SPEC_MOMENT + 100 * DAY_MS
        yield site


def export(site: Site, kind: str, **which: str) -> bytes:
    extract = site.services.visit_log.extract(Filter(**which), kind)
    return (file_format.head(kind) + "".join(text for text, _ in extract.pieces)).encode()


def once(times: int, do: Callable[[], None]) -> Callable[[int], None]:
    """Whoever is told of progress does it when they are told for the so-manieth time."""
    told = iter(range(1, 1000))

    def advance(done: int) -> None:
        if next(told) == times:
            do()

    return advance


def prune(site: Site, advance: Callable[[int], None] = lambda ids: None) -> Pruned:
    retention = site.services.maintenance.retention
    return retention.prune(retention.past(), advance)


def rows(*said: str) -> str:
    return "\r\n".join(["visitor_id,visit_id,at", *said, ""])


def visits(site: Site) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in NOT_SAME} for row in everything(site)["visits"]]


def communities_of(full: Site, site: Site) -> None:
    for row in everything(full)["communities"]:
        site.add_community(row["id"])


@pytest.mark.parametrize("export_kind", KINDS)
def test_what_was_exported_is_the_same_when_it_is_imported(full, site, export_kind):
    communities_of(full, site)
    file = export(full, export_kind)
    assert bring(site, file, export_kind) == Imported(41, 0)
    assert visits(site) == visits(full)
    for table in ("daily_visits", "hourly_visits"):
        assert everything(site)[table] == everything(full)[table]
    assert site.recount() == []
    assert bring(site, file, export_kind) == Imported(0, 41)
    assert site.stats()["totalVisits"] == 41


def test_imported_visits_are_numbered_after_those_there_are(site):
    site.set_total(4000)
    site.register("here")
    assert bring(site, rows("a,1,2024-05-01T10:00:00Z", "b,2,2024-05-01T11:00:00+06:00")) == Imported(2, 0)
    assert site.register("here").ordinal == 4004
    assert site.stats()["todayVisits"] == 2
    assert site.register("a", visitId="1").duplicate
    assert site.recount() == []


def test_minimal_file_counts_once_however_often_it_is_imported(site):
    said = "visitorId,at\nayesha,2024-05-01 23:30:00\nayesha,2024-05-01 23:30:00\nkarim,1714585000000\n"
    assert bring(site, said) == Imported(3, 0)
    assert bring(site, said) == Imported(0, 3)
    days = {row["day"]: row["visits"] for row in everything(site)["daily_visits"]}
    assert days == {"2024-05-01": 3}  # in TIMEZONE
    assert site.stats()["uniqueVisitors"] == 2


BAD = {
    "no columns": ("a,b\n1,2\n", "Line 1: must name the columns"),
    "an empty file": ("", "Line 1: must name the columns"),
    "a visitor": (rows("a,1,1714585000000", "?,2,1714585000000"), "Line 3: visitor_id"),
    "a name": (rows("a,1 1,1714585000000"), "Line 2: visit_id"),
    "a moment": (rows("a,1,yesterday"), "Line 2: at must be"),
    "no moment": (rows("a,1,"), "Line 2: at must be"),
    "before 1970": (rows("a,1,1869-01-01"), "Line 2: at must be"),
    "the future": (rows("a,1,2038-01-01"), "Line 2: at is in the future"),
    "too much": (rows("a,1,1714585000000,x"), "Line 2: has more values"),
    "quotes": (rows('a,"1'), "Line 2: is not valid CSV"),
    "no UTF-8": (rows("a,1,1714585000000").encode() + b"\xff", "Line 3: is not in UTF-8"),
    "a community": (
        "visitor_id,at,community_id\na,1714585000000,1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b\n",
        "Line 2: community_id is of an unknown or archived community",
    ),
    "no community": ("visitor_id,at,community_id\na,1714585000000,mirpur\n", "Line 2: community_id must be a UUID"),
}
BAD_JSON = {
    "no JSON": ('{"visitor_id": "a", "at": 1714585000000}\n{', "Line 2: is not valid JSON"),
    "a list": ("[]\n", "Line 1: must be a JSON object"),
    "a number": ('{"visitor_id": "a", "at": 1714585000000, "page": 5}\n', "Line 1: page must be a text"),
    "a truth": ('{"visitor_id": "a", "at": 1714585000000, "is_bot": "maybe"}\n', "Line 1: is_bot"),
    "too large": ('{"visitor_id": "a", "at": 1' + "0" * 30 + "}\n", "Line 1: at must be"),
}


@pytest.mark.parametrize(
    ("said", "sentence", "kind_of_file"),
    [(*bad, "csv") for bad in BAD.values()] + [(*bad, "jsonl") for bad in BAD_JSON.values()],
    ids=[*BAD, *BAD_JSON],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_line_that_cannot_be_used_is_named_and_what_came_before_is_kept(site, said, sentence, kind_of_file):
    with pytest.raises(BadLine, match=sentence):
        bring(site, said, kind_of_file)
    usable = int(sentence.removeprefix("Line ").partition(":")[0]) - (2 if kind_of_file == "csv" else 1)
    assert site.stats()["totalVisits"] == max(0, usable)
    assert site.recount() == []


def test_one_at_a_time(site):
    with in_context(site), import_queries.only_one(db.engine.url), pytest.raises(Busy):
        bring(site, rows())
    assert bring(site, rows("a,1,1714585000000")) == Imported(1, 0)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)  # SQLite is not even begun with
def test_database_that_locks_an_import_out_is_unavailable(site, database):
    with database.locked(), pytest.raises(LedgerUnavailable):
        bring(site, rows("a,1,1714585000000"))
    assert bring(site, rows("a,1,1714585000000")) == Imported(1, 0)


def test_visit_of_a_day_that_was_folded_counts_only_if_it_is_said_to(site):
    """Nobody knows any more whether it was there. A day of which a row is left is not folded."""
    first, other = (iso(site.time.ms - age * DAY_MS) for age in (400, 100))
    said = rows(f"a,1,{first}", f"b,2,{other}", f"c,3,{other}")
    bring(site, said)
    retention = site.services.maintenance.retention
    assert retention.prune(retention.past()).visits == 1
    site.services.maintenance.erasure.forget("c")
    with pytest.raises(BadLine, match="Line 2: at is on a day whose visits were folded"):
        bring(site, said)
    assert bring(site, rows(f"b,2,{other}", f"d,4,{other}")) == Imported(1, 1)
    assert site.stats()["totalVisits"] == 4
    assert bring(site, said, even_folded=True) == Imported(2, 1)
    assert site.recount() == []


OLD = "2024-05-01T10:00:00Z"
LINES = 9


@pytest.fixture
def imported(site, monkeypatch) -> str:
    """A file of visits of long ago that has been imported, and is now imported and folded some lines at a time."""
    monkeypatch.setattr(visit_imports, "BATCH", 2)
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(throttle, name, 2)
    said = rows(*(f"v{n},{n},{OLD}" for n in range(LINES)))
    assert bring(site, said) == Imported(LINES, 0)
    site.services.projection.catch_up()  # only visits that reports have read are folded
    return said


only_postgres = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
LONG_SILENT = "UPDATE nightly_work SET seen_ms = 0 WHERE name = 'import'"
LEASE_OF_ANOTHER = """
INSERT INTO nightly_work (name, day, worker, seen_ms)
VALUES ('import', '', 'killed', (extract(epoch FROM now()) * 1000)::bigint)
"""
OPEN = "SELECT count(*) FROM imported_visits WHERE upto_visit IS NULL"


def check_nothing_counted_twice(site: Site) -> None:
    assert site.stats()["totalVisits"] == LINES
    assert site.recount() == []


def when_folded(site: Site, do: Callable[[], None]) -> Callable[[int], None]:
    """Do it once, after the first visits are folded."""
    done: list[bool] = []

    def advance(_: int) -> None:
        if not done and site.rows("SELECT 1 FROM folded_visits"):
            done.append(True)
            do()

    return advance


def test_nothing_is_folded_until_an_import_is_over(site, imported):
    def try_to_prune() -> None:
        with pytest.raises(ImportUnderWay):
            prune(site)
        tried.append(True)

    tried: list[bool] = []
    assert bring(site, imported, advance=once(5, try_to_prune)) == Imported(0, LINES)
    assert tried
    assert prune(site).visits == LINES
    check_nothing_counted_twice(site)


def test_fold_that_an_import_came_into_goes_on_another_time(site, imported):
    def begin_to_import() -> None:
        during = once(1, partial(prune_on, site))
        with pytest.raises(BadLine, match="Line 2: at is on a day whose visits were folded"):
            bring(site, imported, advance=during)

    def prune_on(site: Site) -> None:
        with pytest.raises(ImportUnderWay):
            prune(site)

    assert prune(site, when_folded(site, begin_to_import)).visits == LINES
    check_nothing_counted_twice(site)


def test_day_of_which_only_some_was_folded_is_as_one_that_was_folded(site, imported):
    class Killed(Exception):
        pass

    def killed() -> None:
        raise Killed

    with pytest.raises(Killed):
        prune(site, when_folded(site, killed))
    assert site.rows("SELECT count(*) FROM visits") == [(LINES - 2,)]
    with pytest.raises(BadLine, match="Line 2: at is on a day whose visits were folded"):
        bring(site, imported)
    check_nothing_counted_twice(site)
    assert bring(site, rows("new,1,2024-05-02T10:00:00Z")) == Imported(1, 0)  # nothing of that day was


def test_import_waits_for_what_is_being_folded(site, imported, database):
    """And is told neither that another import is going on, nor what was there before."""
    retention = site.services.maintenance.retention
    past = retention.past()
    retention._database.write(fold_queries.begin, *past)
    site.services.projection.leave_people_out(past.first_kept)
    is_folding, may_commit = threading.Event(), threading.Event()

    def fold_slowly(session) -> None:
        fold_queries.fold_old(session, *past, size=2)
        is_folding.set()
        assert may_commit.wait(10)

    def import_it() -> None:
        try:
            outcome.append(bring(site, imported))
        except Exception as error:
            outcome.append(error)

    outcome: list[object] = []
    folding = threading.Thread(target=retention._database.write, args=(fold_slowly,))
    importing = threading.Thread(target=import_it)
    folding.start()
    assert is_folding.wait(10)
    importing.start()
    try:
        wait_until(lambda: outcome or is_asked_for(database), "the import waits")
        assert outcome == []
    finally:
        may_commit.set()
        folding.join()
        importing.join()
    (error,) = outcome
    assert isinstance(error, BadLine), error
    check_nothing_counted_twice(site)


def is_asked_for(database) -> bool:
    """Somebody imports, or waits to."""
    if database.kind == "postgres":
        asking = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%INTO nightly_work%' AND pid <> pg_backend_pid()"
        return bool(database.rows(f"{asking} AND wait_event_type = 'Lock'"))
    with import_queries._opened_beside(str(database.path)) as file:
        return not import_queries._locked(file, fcntl.LOCK_SH)


@pytest.fixture
def frozen(monkeypatch):
    """Processes that import renew no lease, as if they were frozen."""
    monkeypatch.setattr(lease, "RENEW_S", 60)


@only_postgres
def test_import_that_has_lost_its_lease_ends(site, imported, database, frozen):
    """And leaves it to the next import to say what times are among its visits."""

    def lose_it() -> None:
        database.rows(LONG_SILENT)
        prune(site)

    with pytest.raises(DatabaseInUse, match="import the same file again"):
        bring(site, imported + f"new,1,{iso(site.time.ms)}\n", advance=once(6, lose_it))
    check_nothing_counted_twice(site)
    assert database.rows(OPEN) == [(1,)]
    assert bring(site, rows(f"new,1,{iso(site.time.ms)}")) == Imported(1, 0)
    assert database.rows(OPEN) == [(0,)]


@only_postgres
def test_import_that_was_killed_is_in_the_way_until_its_lease_has_run_out(site, imported, database, monkeypatch):
    database.rows(LEASE_OF_ANOTHER)
    with pytest.raises(ImportUnderWay):
        prune(site)
    monkeypatch.setattr(lease, "LEASE_S", 1)
    assert bring(site, imported) == Imported(0, LINES)
    assert prune(site).visits == LINES


@only_postgres
def test_import_that_waits_for_its_input_keeps_its_lease(site, imported, monkeypatch):
    monkeypatch.setattr(lease, "LEASE_S", 1)
    monkeypatch.setattr(lease, "RENEW_S", 0.1)

    def wait_and_try_to_prune() -> None:
        time.sleep(1.5)
        with pytest.raises(ImportUnderWay):
            prune(site)
        with pytest.raises(Busy):
            bring(site, imported)
        tried.append(True)

    tried: list[bool] = []
    assert bring(site, imported, advance=once(5, wait_and_try_to_prune)) == Imported(0, LINES)
    assert tried


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_database_that_is_a_link_is_the_same(site, imported, database, tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(database.path)
    with (
        Site(f"sqlite:///{link}", site.time) as other,
        in_context(other),
        import_queries.only_one(db.engine.url),
        pytest.raises(ImportUnderWay),
    ):
        prune(site)
    assert prune(site).visits == LINES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_root_who_imports_does_not_lock_the_owner_of_the_database_out(site, database):
    os.chown(database.path, 12345, 12346)
    bring(site, rows(f"a,1,{OLD}"))
    lock = database.path.with_name(f"{database.path.name}.import.lock").stat()
    assert (lock.st_uid, lock.st_gid) == (12345, 12346)


def test_import_leaves_a_line(site):
    bring(site, rows("a,1,1714585000000"))
    (line,) = [row for row in everything(site)["audit_log"] if row["action"] == "visits.import"]
    assert line["details"] == '{"new": 1, "known": 0}'


# The log of visits finds days by halving, which takes ids for being in the order of time.


def day_of(log: VisitLog, day: str) -> list[str]:
    text = "".join(text for text, _ in log.extract(Filter(day, day), "jsonl").pieces)
    return [json.loads(line)["visit_id"] for line in text.splitlines()]


def test_days_are_found_on_both_sides_of_an_import_and_in_it(site):
    live = [site.time.ms + n * DAY_MS for n in range(20)]
    for number, site.time.ms in enumerate(live[:10]):
        site.register("live", visitId=f"live-{number}")
    old = [f"old,{n},{iso(1714585000000 + n * DAY_MS)}" for n in range(10)]
    bring(site, rows(*old[:6]))
    bring(site, rows(*old))
    for number, site.time.ms in enumerate(live[10:], 10):
        site.register("live", visitId=f"live-{number}")
    assert [row["upto_visit"] for row in everything(site)["imported_visits"]] == [16]  # after that, all goes by time
    log = site.services.visit_log
    assert day_of(log, "2024-05-03") == ["2"]
    assert day_of(log, "2024-05-10") == ["9"]
    for number, at_ms in enumerate(live):
        assert day_of(log, site.services.clock.bucket(at_ms).day) == [f"live-{number}"]
    assert day_of(log, "2023-01-01") == []


def test_import_in_the_order_of_time_leaves_no_trace(full, site):
    communities_of(full, site)
    bring(site, export(full, "jsonl"), "jsonl")
    assert everything(site)["imported_visits"] == []


def test_import_that_was_killed_is_ended_by_the_next(site):
    site.register("live", visitId="live")
    with in_context(site), import_queries.only_one(db.engine.url) as fence:
        import_queries.begin(fence)  # and never ended
    site.services.counting.visits.register(NewVisit("old", "1", SITE, "Dhaka, BD", 1714585000000 + DAY_MS))
    assert everything(site)["imported_visits"][0]["upto_visit"] is None
    assert day_of(site.services.visit_log, "2024-05-02") == ["1"]
    bring(site, rows("a,9,2024-01-01"))
    assert [row["upto_visit"] for row in everything(site)["imported_visits"]] == [2, 3]
    assert day_of(site.services.visit_log, "2024-05-02") == ["1"]


PHONE = "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
NEWEST = "SELECT user_agent, referrer, language, campaign, page, is_bot FROM visits ORDER BY id DESC LIMIT 1"


@pytest.mark.parametrize(
    ("columns", "stored"),
    [
        (
            {"user_agent": PHONE, "page": "/map?utm_source=mail&x=1", "language": "bn-BD"},
            (PHONE, None, "bn", "utm_source=mail", "/map", 0),
        ),
        (
            {"browser": "Chrome", "system": "Android", "device": "phone", "source": "facebook.com"},
            ("Chrome on Android (phone)", "facebook.com", None, None, None, 0),
        ),
        (
            {"browser": "curl", "device": "toaster", "utm_term": "x" * 200, "page": "/?utm_term=other"},
            ("curl", None, None, "utm_term=" + "x" * 120, "/", 0),
        ),
        ({"device": "bot", "browser": "Googlebot"}, ("Googlebot", None, None, None, None, 1)),
        ({"browser": "a(b)", "system": "c/d on e", "channel": "ai"}, ("a b on c d e", None, None, None, None, 0)),
    ],
)
def test_parsed_columns_are_taken_where_the_visit_itself_lacks_them(site, columns, stored):
    line = json.dumps({"visitor_id": "a", "visit_id": "1", "at": site.time.ms, **columns})
    assert bring(site, line + "\n", "jsonl") == Imported(1, 0)
    assert [(*row[:5], int(row[5])) for row in site.rows(NEWEST)] == [stored]


@pytest.mark.parametrize("kind", KINDS)
def test_export_says_what_reports_read_and_an_import_brings_it_back(site, kind):
    site.register(
        "a", userAgent=PHONE, referrer="https://m.facebook.com/x", page="/?utm_source=mail&utm_campaign=%E0%A6%95"
    )
    site.services.maintenance.erasure.forget("a")
    text = export(site, kind).decode()
    for said in ("Chrome on Android (phone)", "Chrome", "Android", "phone", "facebook.com", "campaign", "mail", "ক"):
        assert said in text
    columns = "visitor_id, visit_id, user_agent, referrer, language, campaign, page"
    before = site.rows(f"SELECT {columns} FROM visits")
    site.rows("DELETE FROM visits")
    assert bring(site, text, kind) == Imported(1, 0)
    assert site.rows(f"SELECT {columns} FROM visits") == before


@pytest.mark.parametrize("kind", KINDS)
def test_campaign_that_is_forgotten_stays_the_channel(site, kind):
    site.register("a", page="/?utm_term=a")
    site.services.maintenance.erasure.forget("a")
    before, text = site.rows(NEWEST), export(site, kind)
    site.rows("DELETE FROM visits")
    assert bring(site, text, kind) == Imported(1, 0)
    assert site.rows(NEWEST) == before
