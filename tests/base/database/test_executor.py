"""Changes, jobs and lookups: what is one transaction, what is done in groups, and for how long callers wait."""

import json
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import joinedload
from support.application.site import Site
from support.clients.members import Member, promote
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread
from support.servers.changed_server import TRESPASS, ChangedServer

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database import batch_worker
from koyjabo.base.database.batch_worker import BatchWorker
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.base.database.file_lock import FileLock
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.models import Model
from koyjabo.base.settings.database_url import normal
from koyjabo.integrations.api_keys.models import ApiKey
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.upkeep.recounts.total import TotalAdjuster

ENTRY = Actor(None, "", "", 1).entry("failed", Subject("total", "site", ""))


def test_change_and_its_entry_are_stored_together_or_not_at_all(database):
    def set_total(session) -> None:
        session.execute(text("UPDATE counters SET total = 5"))

    def has_no_entry(result: object) -> AuditRecord:
        raise ValueError("no entry")

    def fails(session) -> None:
        set_total(session)
        raise ValueError("no change")

    with Site(database.url) as site:
        write = site.services[TotalAdjuster]._database.write
        for change, audit, problem in ((set_total, has_no_entry, "no entry"), (fails, ENTRY, "no change")):
            with pytest.raises(ValueError, match=problem):
                write(change, audit=audit)
        assert site.rows("SELECT total FROM counters WHERE scope = 'site'") == [(0,)]
        assert site.rows("SELECT action FROM audit_log") == []
        write(set_total, audit=ENTRY)
        assert site.rows("SELECT total FROM counters WHERE scope = 'site'") == [(5,)]
        assert site.rows("SELECT action FROM audit_log") == [("failed",)]


@pytest.mark.both_kinds
def test_returned_row_has_the_relations_that_were_joined_and_loads_no_others(database):
    def add_key(session) -> ApiKey:
        key = ApiKey(id="1", name="Grafana", scopes="reports:read", prefix="kj_1", digest="d", created_ms=0)
        session.add(key)
        return key

    with Site(database.url) as site:
        executor = site.services[TotalAdjuster]._database
        executor.write(add_key)
        joined = executor.read(
            lambda session: session.scalars(select(ApiKey).options(joinedload(ApiKey.community))).one()
        )
        plain = executor.read(lambda session: session.scalars(select(ApiKey)).one())
    assert (joined.name, joined.community) == ("Grafana", None)
    with pytest.raises(InvalidRequestError, match=r"ApiKey\.community"):
        _ = plain.community


def test_no_relation_of_any_table_is_loaded_lazily():
    relations = [relation for mapper in Model.registry.mappers for relation in mapper.relationships]
    assert relations
    assert [str(relation) for relation in relations if relation.lazy != "raise"] == []


@pytest.mark.both_kinds
def test_transaction_goes_on_after_a_part_of_it_was_refused(database):
    """This happens when another worker has just inserted the same row."""

    def add_twice(session) -> int:
        session.execute(text("CREATE TEMPORARY TABLE refs (ref INTEGER PRIMARY KEY)"))
        for _ in range(2):
            with suppress(IntegrityError), session.begin_nested():
                session.execute(text("INSERT INTO refs VALUES (1)"))
        return session.scalar(text("SELECT count(*) FROM refs"))

    thread = DatabaseThread(make_url(normal(database.url, Path())), ThreadRuntime(), limit_s=5, writes=True)
    assert thread.run(add_twice) == 1
    thread.close()


def test_every_write_that_cannot_have_the_lock_is_given_up_in_time(sqlite_database):
    """This includes the first write, before any connection is open."""
    thread = DatabaseThread(make_url(sqlite_database.url), ThreadRuntime(), 0.6, writes=True, patience_s=0.6)
    with FileLock(str(sqlite_database.path)).held():
        for _ in range(2):
            given_up = in_thread(lambda: thread.run(lambda session: None))
            assert isinstance(given_up.exception(SOON_S), LedgerUnavailable)
    thread.close()


def test_threads_with_nothing_to_do_leave_a_file_that_was_replaced(sqlite_database):
    """They leave it even if the new file has the same visits, so that no visit is missing and no epoch starts."""
    path = sqlite_database.path

    def left_open() -> list[str]:
        names = []
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the descriptor of the directory itself
                names.append(os.readlink(link))
        return [name for name in names if name.startswith(str(path)) and name.endswith("(deleted)")]

    with Site(sqlite_database.url) as site:
        site.services.start()
        executor = site.services[TotalAdjuster]._database
        for read in (executor.read, executor.report, executor.scan):
            read(lambda session: session.execute(text("SELECT total FROM counters")).all())
        with path.open():
            sqlite_database.remember().put_in_place(path)
            wait_until(lambda: left_open() == [f"{path} (deleted)"], "only this test has the old file open")


PATIENCE_S, LIMIT_S = 100.0, 300.0


class Worker:
    """Work that doubles numbers, with a gate before it takes its jobs and one after."""

    def __init__(self) -> None:
        self.may_take, self.may_finish = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []
        self.let_go()

    def let_go(self) -> None:
        self.may_take.set()
        self.may_finish.set()

    def __call__(self, take) -> None:
        assert self.may_take.wait(SOON_S)
        jobs = take()
        self.batches.append([job.item for job in jobs])
        assert self.may_finish.wait(SOON_S)
        for job in jobs:
            job.result = job.item * 2


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.let_go()


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The group's monotonic clock, in s. Only a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(batch_worker, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def group(worker, now, monkeypatch):
    """A group that checks often whether a job has waited for too long."""
    monkeypatch.setattr(batch_worker, "WATCH_INTERVAL_S", 0.01)
    group = BatchWorker(ThreadRuntime(), worker, PATIENCE_S, LIMIT_S)
    yield group
    worker.let_go()
    in_thread(group.close).result(SOON_S)


@pytest.fixture
def patient(worker):
    """A group that takes at most 5 jobs at once, and lets no more than 8 wait."""
    group = BatchWorker(ThreadRuntime(), worker, SOON_S, SOON_S, most=5, most_waiting=8)
    yield group
    worker.let_go()
    in_thread(group.close).result(SOON_S)


def waiting(group: BatchWorker, *numbers: int) -> list[Future]:
    jobs = [in_thread(partial(group.do, number)) for number in numbers]
    wait_until(lambda: group.waiting()[0] == len(numbers), "all of them wait")
    return jobs


def test_jobs_that_wait_are_done_together_and_more_are_refused_at_once(patient, worker):
    assert [patient.do(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert worker.batches == [[1], [2], [3]]
    worker.may_take.clear()
    jobs = waiting(patient, *range(8))
    with pytest.raises(LedgerUnavailable):
        patient.do(9)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [number * 2 for number in range(8)]
    assert [len(batch) for batch in worker.batches[3:]] == [5, 3]
    assert sorted(worker.batches[3] + worker.batches[4]) == [*range(8)]


def test_batch_ends_once_the_sizes_of_its_jobs_are_enough(patient, worker):
    patient.measure(lambda number: number)
    worker.may_take.clear()
    jobs = waiting(patient, 1, 1, 9, 2, 2, 2, 2)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [2, 2, 18, 4, 4, 4, 4]
    assert all(sum(batch) - batch[-1] < 5 for batch in worker.batches)


def test_job_that_no_thread_takes_fails_within_patience_and_is_never_done(group, worker, now):
    worker.may_take.clear()
    (job,) = waiting(group, 1)
    now[0] += PATIENCE_S
    group._watch()
    assert group.waiting()[0] == 1, "it has not waited for longer"
    now[0] += 1
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    worker.may_take.set()
    assert group.do(2) == 4
    assert all(1 not in batch for batch in worker.batches)


def test_job_that_was_taken_and_never_finished_fails_at_the_limit(group, worker, now):
    worker.may_finish.clear()
    (job,) = waiting(group, 1)
    wait_until(lambda: worker.batches == [[1]], "it is taken")
    now[0] += LIMIT_S
    group._watch()
    assert group._taken[0].error is None, "it has not lasted for longer"
    now[0] += 1
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    worker.may_finish.set()
    assert group.do(2) == 4


def test_close_does_what_waits_and_takes_nothing_new(patient, worker):
    worker.may_take.clear()
    jobs = waiting(patient, 1, 2)
    closed = in_thread(patient.close)
    wait_until(lambda: patient._closed, "it is closing")
    with pytest.raises(LedgerUnavailable):
        patient.do(3)
    assert not closed.done()
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [2, 4]
    closed.result(SOON_S)
    with pytest.raises(LedgerUnavailable):
        patient.do(4)


OTHERS = 20


def test_requests_share_the_lookup_after_the_running_one():
    may_answer, sizes = threading.Event(), []

    def answer(jobs) -> None:
        sizes.append(len(jobs))
        assert may_answer.wait(SOON_S)
        for job in jobs:
            if job.item == 13:
                raise ValueError("unlucky")
            job.result = job.item * 2

    lookups = SharedLookups(ThreadRuntime(), answer)
    with ThreadPoolExecutor(OTHERS + 1) as clients:
        first = clients.submit(lookups.ask, 100)
        wait_until(lambda: sizes == [1], "it is being answered")
        others = [clients.submit(lookups.ask, number) for number in range(OTHERS)]
        wait_until(lambda: len(lookups._pending) == OTHERS, "the others have come")
        may_answer.set()
        assert first.result(SOON_S) == 200
        for other in others:
            with pytest.raises(ValueError, match="unlucky"):
                other.result(SOON_S)
    assert sizes == [1, OTHERS]
    assert lookups.ask(1) == 2, "it goes on after an error"


READS = ("stats", "members", "visitors", "visitors/today", "visitors/trends", "visitors/realtime")
REPORTS = ("summary", "timeline", "breakdown?by=page", "summary?range=yesterday&page=/")
"""Reports from sums and from rows, and for past days with cached results."""

AT_ONCE = json.dumps(
    {
        "koyjabo.columns.block_writer.STORING_POLL_S": 0.2,
        "koyjabo.columns.blocks.block.MAX_BLOCK_ROWS": 4,
        "koyjabo.columns.blocks.block_queries.MAX_BLOCK_ROWS": 4,
    }
)


@pytest.mark.honest_start
def test_no_thread_meets_what_belongs_to_the_loop(database, redis_server, tmp_path):
    server = ChangedServer(database, tmp_path, CHANGES=AT_ONCE, WATCHED=1, REDIS_URL=redis_server.url)
    try:
        admin = Member(server.start())
        promote(server, admin)
        use(server, admin)
        wait_until(lambda: "nightly_work_done" in server.log, "the work of the night is done", 60)
        if database.kind == "postgres":  # its threads log something in this case
            database.cut_connections()
            founding = {"json": {"name": "Uttara"}, "headers": admin.bearer}
            works = lambda: server.post_visit("ayesha").ok and server.post("/api/communities", **founding).ok  # noqa: E731
            wait_until(works, "it has new connections")
            use(server, admin)
        assert server.stop().status == 0
        assert TRESPASS not in server.log, server.log
        with Site(database.url) as site:
            assert site.recount() == []
    finally:
        server.kill()


def use(server: ChangedServer, admin: Member) -> None:
    """Use everything that runs in threads: visits, lookups and changes, reports, a recount, passwords."""
    community = admin.found()
    with ThreadPoolExecutor(4) as clients:
        visits = [clients.submit(admin.visit, f"visitor{number}", community) for number in range(8)]
        joined = [clients.submit(lambda: Member(server).join(community)) for _ in range(2)]
        read = [clients.submit(admin.call, "GET", f"/api/communities/{community}/{path}") for path in READS]
    for done in (*visits, *joined, *read):
        done.result()
    wait_until(lambda: server.database.rows("SELECT 1 FROM watermarks WHERE name = 'blocks'"), "blocks are stored")
    for path in REPORTS:
        admin.call("GET", f"/api/reports/{path}")
    before = recounted(server)

    def recounts() -> bool:
        """Request another recount, which starts once Redis has forgotten the last one."""
        admin.send_form("/receipt/recount")
        return recounted(server) > before

    wait_until(recounts, "it is recounted", 60, every_s=0.5)


def recounted(server: ChangedServer) -> int:
    return server.database.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.recounted'")[0][0]
