"""A database that is rolled back while in use: no number is given twice, no total falls, and the loss is reported."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.assertions.ledger import assert_verified
from support.clients.members import Member
from support.clients.worker_connections import assert_never_fell, flat, pages, two_workers, worker_connections
from support.faults.failing_programs import SERVE, written
from support.people.accounts import bearer
from support.programs.patience import PATIENCE_S
from support.programs.processes import METRICS_TOKEN, wait_until

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import connect
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database import sqlite
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.high_water import HighWater, HighWaterMark
from koyjabo.counting.high_water_redis import RedisHighWater
from koyjabo.counting.records import NewVisit
from koyjabo.counting.rollback import RollbackRecovery
from koyjabo.counting.visits import Visits

READERS = 8

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
LOST = "SELECT scope, total_before, total_after, epoch FROM adjustments WHERE kind = 'rolled_back' ORDER BY scope DESC"


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.add_community(HERE)
        yield site


def visits(site, *names, **fields):
    return [site.register("ayesha", visitId=name, **fields).ordinal for name in names]


def lose(site, database, *names, **fields):
    remembered = database.remember()
    ordinals = visits(site, *names, **fields)
    database.go_back(remembered)
    return ordinals


@pytest.mark.both_kinds
def test_visit_numbers_continue_above_acknowledged_ones_and_the_losses_of_each_scope_are_reported(
    site, database, caplog
):
    visits(site, "kept")
    epoch = site.stats()["epoch"]
    assert lose(site, database, "lost", "too", communityId=HERE) == [2, 3]
    assert site.register("ayesha", visitId="next").ordinal == 4
    stats = site.stats()
    assert (stats["totalVisits"], stats["epoch"] > epoch, stats.get("stale")) == (4, True, None)
    losses = site.rows(LOST)
    assert [loss[:3] for loss in losses] == [("site", 1, 3), (HERE, 0, 2)]
    assert site.rows("SELECT total, epoch FROM counters ORDER BY scope DESC") == [(4, losses[0][3]), (2, losses[0][3])]
    audited = site.rows("SELECT details FROM audit_log WHERE action = 'ledger.rolled_back'")
    parsed = {
        loss["scope"]: (loss["from"], loss["to"], loss["lost"]) for loss in (json.loads(row[0]) for row in audited)
    }
    assert parsed == {"site": (3, 1, 2), HERE: (2, 0, 2)}
    assert "ledger_rolled_back scope=site from=3 to=1 lost=2" in caplog.text
    metrics = site.client.get("/metrics", headers=bearer(METRICS_TOKEN)).text
    assert "koyjabo_ledger_rollbacks_total 1.0" in metrics
    assert site.recount() == []


def test_a_link_works_for_a_kept_visit_but_not_for_a_lost_one(site, database):
    held = site.register("ayesha", visitId="held").share
    remembered = database.remember()
    for name in ("lost", "again"):
        lost = site.register("ayesha", visitId=name).share
        database.go_back(remembered)
        later = site.register("ayesha", visitId="later").share
        assert [site.client.get(path).status_code for path in (held, lost, later)] == [200, 404, 200]


def test_a_visit_that_is_sent_again_is_new_only_if_the_rollback_lost_it(site, database):
    visits(site, "held")
    lose(site, database, "lost")
    again = [site.register("ayesha", visitId=name) for name in ("lost", "held", "lost")]
    assert [(receipt.ordinal, receipt.duplicate) for receipt in again] == [(3, False), (1, True), (3, True)]


def test_a_read_notices_the_rollback_and_shows_no_lower_total(site, database):
    remembered = database.remember()
    visits(site, "1", "2", "3")
    shown = site.stats()
    database.go_back(remembered)
    now = site.stats()
    assert (now["totalVisits"], now.get("stale")) == (3, None)
    assert now["epoch"] > shown["epoch"]
    assert now["todayVisits"] == 0  # recounted from the remaining visits
    assert len(site.rows(LOST)) == 1


def test_a_rollback_lowers_no_total_of_a_community_without_new_visits(site, database):
    lose(site, database, "1", "2", communityId=HERE)
    assert site.services[Visits].community(Scope(HERE)).stats().total == 2
    assert [row[0] for row in site.rows(LOST)] == ["site", HERE]


class CountingLock:
    def __init__(self) -> None:
        self.came = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_all_calls_that_wait_for_a_recovery_fail_with_it(request, database, monkeypatch):
    monkeypatch.setattr(sqlite.connect, "__defaults__", (0.5, None))
    site = request.getfixturevalue("site")
    lose(site, database, "lost")
    recovery, lock, attempts = site.services[Visits]._ledger._recovery, CountingLock(), []
    begin = recovery._begin_epoch

    def begin_when_all_wait() -> None:
        attempts.append(1)
        wait_until(lambda: lock.came == READERS, "the others wait")
        begin()

    with database.locked():
        with monkeypatch.context() as patch, ThreadPoolExecutor(READERS) as threads:
            patch.setattr(recovery, "_recovering", lock)
            patch.setattr(recovery, "_begin_epoch", begin_when_all_wait)
            stats = threads.map(lambda _: site.app.test_client().get("/api/stats").json, range(READERS))
            assert [answer["stale"] for answer in stats] == [True] * READERS
        assert attempts == [1]
    assert visits(site, "next") == [2]


def test_a_visit_that_is_refused_after_a_failed_recovery_counts_as_an_outage(site, database, monkeypatch):
    lose(site, database, "lost")

    def fail(marks):
        raise LedgerUnavailable

    monkeypatch.setattr(site.services[RollbackRecovery], "_write", fail)
    assert site.post(json={"visitorId": "ayesha"}).status_code == 503
    assert site.services[Visits].writer().has_failed


def test_a_database_may_be_rolled_back_several_times_to_before_the_last_epoch(site, database):
    remembered = database.remember()
    for expected in ([1, 2], [3, 4], [5, 6]):
        assert visits(site, "1", "2") == expected
        database.go_back(remembered)
    assert site.stats()["totalVisits"] == 6
    assert site.rows(LOST.replace("epoch", "0")) == [("site", 0, 6, 0)]


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_server_without_redis_raises_the_total_to_its_highest_acknowledged_number(database):
    """They share no Redis, so neither knows the other's last acknowledged visit."""
    with Site(database.url) as site, Site(database.url) as other:
        remembered = database.remember()
        visits(site, "1")
        assert visits(other, "2", "3") == [2, 3]
        database.go_back(remembered)
        assert visits(site, "4") == [2]
        assert other.stats()["totalVisits"] == 3
        assert visits(other, "5") == [4]
        assert visits(site, "6") == [5]
    assert [row[:3] for row in site.rows(LOST)] == [("site", 0, 1), ("site", 2, 3)]
    assert site.recount() == []


def test_servers_that_share_a_file_know_the_acknowledged_visits_of_stopped_servers(sqlite_database):
    with Site(sqlite_database.url) as site:
        remembered = sqlite_database.remember()
        with Site(sqlite_database.url) as other:
            assert visits(other, "1", "2") == [1, 2]
        sqlite_database.go_back(remembered)
        assert visits(site, "3") == [3]
        assert [row[:3] for row in site.rows(LOST)] == [("site", 0, 2)]
    sqlite_database.go_back(remembered)
    with Site(sqlite_database.url) as site:
        assert visits(site, "4") == [4]


def test_a_total_that_an_admin_lowers_is_no_rollback(site):
    visits(site, "1", "2", "3")
    site.set_total(1, new_epoch=True)
    assert site.stats()["totalVisits"] == 1
    assert visits(site, "4") == [2]
    assert site.rows(LOST) == []


@pytest.mark.parametrize("number", [1, 2])
def test_visits_that_were_committed_before_other_workers_replied_are_looked_up_again(
    site, database, monkeypatch, number
):
    """The reply of another server does not include the numbers of these visits, so they go to others."""
    remembered, ledger = database.remember(), site.services[Visits]._ledger
    others: list[int] = []

    def go_back(*batch):
        if not others:
            database.go_back(remembered)
            with Site(database.url) as other:
                others.extend(visits(other, "another"))
            ledger._high_water.rounds += 1

    monkeypatch.setattr(ledger, "_on_batch", go_back)
    names = [str(name) for name in range(number)]
    receipts = site.services[Visits].register_all(listed(*names)) if number > 1 else [site.register(visitId="0")]
    numbers = [others[0] + 1 + place for place in range(number)]
    assert [(receipt.ordinal, receipt.duplicate) for receipt in receipts] == [(place, False) for place in numbers]
    assert site.rows("SELECT ordinal FROM visits ORDER BY ordinal") == [(place,) for place in (others[0], *numbers)]


def listed(*names):
    return [NewVisit("ayesha", name, at_ms=SPEC_MOMENT) for name in names]


def test_a_list_of_visits_waits_for_one_recovery_and_its_numbers_continue_after_the_acknowledged_ones(
    site, database, kind, monkeypatch
):
    """Recovering once per visit would take a long time, because it waits for silent workers."""
    visits(site, "kept")
    lose(site, database, "lost")
    recovery, asked = site.services[RollbackRecovery], []
    gather = recovery._gather
    monkeypatch.setattr(recovery, "_gather", lambda: (asked.append(True), gather()))
    kept, *receipts = site.services[Visits].register_all(listed("kept", *(str(number) for number in range(20))))
    assert (kept.ordinal, kept.duplicate) == (1, True)
    assert [receipt.ordinal for receipt in receipts] == list(range(3, 23))
    assert len(asked) == {"sqlite": 1, "postgres": 2}[kind]


def test_a_replaced_sqlite_file_is_not_mixed_with_the_log_of_the_old_one(sqlite_database):
    """Writes to the file that no longer has a name would be lost."""
    with Site(sqlite_database.url) as site:
        visits(site, "kept")
        remembered = sqlite_database.remember()
        assert visits(site, "lost", "too") == [2, 3]
        site.set_total(3)  # other threads have the file open as well
        remembered.path.replace(sqlite_database.path)
        assert visits(site, "next", "kept", "lost") == [4, 1, 5]
        assert sqlite_database.rows("SELECT visit_id, ordinal FROM visits") == [("kept", 1), ("next", 4), ("lost", 5)]
        assert site.recount() == []
        remembered = sqlite_database.remember()
        visits(site, "lost-again")
        remembered.path.replace(sqlite_database.path)
        sqlite._opened.clear()  # a new process
        with Site(sqlite_database.url) as other:
            assert visits(other, "last", "kept") == [7, 1]
            assert sqlite_database.rows("PRAGMA integrity_check") == [("ok",)]
            assert other.recount() == []


def test_a_deleted_sqlite_file_is_not_created_again(sqlite_database):
    with Site(sqlite_database.url) as site:
        visits(site, "kept")
        away = sqlite_database.path.rename(sqlite_database.path.with_name("away.db"))
        assert site.post(json={"visitorId": "ayesha"}).status_code == 503
        assert not sqlite_database.path.exists()
        away.rename(sqlite_database.path)
        assert visits(site, "next") == [2]


PATIENT = f"""
from koyjabo.counting import high_water_redis
high_water_redis.ASK_S = 60.0
{SERVE}
"""
"""A program whose workers wait a minute for what the others have acknowledged."""
LOST_TOTALS = "SELECT scope, total_before, total_after FROM adjustments WHERE kind = 'rolled_back'"


def assert_totals_never_fell(page):
    assert_never_fell(page)
    totals = [stats.total for stats in page.updates]
    assert totals == sorted(totals)


def test_all_workers_continue_above_the_last_acknowledged_visit(sqlite_database, new_server, disposable_redis):
    server = two_workers(new_server(sqlite_database, REDIS_URL=disposable_redis.url))
    with worker_connections(server) as (one, other), pages(server) as open_pages:
        epoch = one.register("ayesha").stats.epoch
        remembered = sqlite_database.remember()
        for _ in range(3):
            shown = one.register("ayesha").ordinal  # the other worker has not acknowledged these
        for page in flat(open_pages):
            page.wait_for_total(shown)
        sqlite_database.go_back(remembered)

        assert other.register("ayesha").ordinal == shown + 1
        assert one.register("ayesha").ordinal == shown + 2
        for page in flat(open_pages):
            page.wait_for(lambda stats: stats.epoch > epoch and stats.total == shown + 2, "the newest total")
            assert_totals_never_fell(page)
    assert sqlite_database.rows(LOST_TOTALS) == [("site", 1, shown)]
    assert_verified(server)


def given(worker):
    """The number of a new visit. The first requests find connections to the old database."""

    def register():
        status, answer = worker.ask("POST", "/api/visitor/register", {"visitorId": "ayesha"})
        return status == 200 and answer["visit"]["ordinal"]

    return wait_until(register, "a visit is registered", 2 * PATIENCE_S)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_worker_asks_the_others_before_it_commits_on_another_database_server(
    database, tmp_path, new_server, disposable_redis
):
    """It cannot know the other server's last visits by itself."""
    server = new_server(database, REDIS_URL=disposable_redis.url)
    server.program = written(tmp_path, PATIENT)
    two_workers(server)
    with worker_connections(server) as (one, other):
        assert [one.register("ayesha").ordinal, other.register("ayesha").ordinal] == [1, 2]
        remembered = database.remember()
        assert [given(one) for _ in range(3)] == [3, 4, 5]
        database.go_back(remembered)
        assert given(other) == 6
    assert database.rows(LOST_TOTALS) == [("site", 2, 5)]


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_restarted_server_finds_the_totals_that_it_has_acknowledged_in_redis(database, new_server, disposable_redis):
    """Communities' highest values are only read at startup."""
    server = new_server(database, REDIS_URL=disposable_redis.url).start()
    community = Member(server).found()
    server.register("ayesha", communityId=community)
    remembered = database.remember()
    acknowledged = [server.register("ayesha", communityId=community) for _ in range(3)][-1]
    server.stop()
    database.go_back(remembered)
    server.start()
    assert server.stats().total == acknowledged.ordinal
    assert server.stats().epoch > acknowledged.stats.epoch
    assert server.register("ayesha", communityId=community).ordinal == acknowledged.ordinal + 1
    assert sorted(database.rows(LOST_TOTALS)) == sorted([("site", 1, 4), (community, 1, 4)])


def test_a_worker_shares_its_acknowledged_totals_again_after_redis_has_lost_its_data(redis_server):
    client, acknowledged, gathered = connect(redis_server.url), HighWater(), HighWater()
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    one, other = (
        RedisHighWater(client, outbox, RedisWorkers(client, outbox), marks, "a database")
        for marks in (acknowledged, gathered)
    )
    acknowledged.merge({SITE: HighWaterMark(1, 100, 100), Scope("mirpur"): HighWaterMark(1, 50, 50)})
    one.renew()
    outbox.drain()
    with redis_server.client() as redis:
        redis.flushall()
    one.reply("what have you acknowledged?")
    outbox.drain()
    other.load()
    assert gathered.all() == acknowledged.all()
    client.close()
