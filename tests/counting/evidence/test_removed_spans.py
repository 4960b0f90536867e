"""Old spans are removed while other work goes on."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.programs.processes import wait_until

from koyjabo.base.models import SITE
from koyjabo.counting.evidence import queries
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.block_queries import correct_attended
from koyjabo.reports.services import ReportServices
from koyjabo.upkeep.retention import erasure_queries

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_erasing_a_visitor_does_not_deadlock_with_the_removal_of_old_spans(new_worker, database_kind, monkeypatch):
    worker, other = new_worker(), new_worker()
    worker.site.register(visitId="1")
    worker.open("a", visit="1")
    worker.time.pass_(seconds=5)
    worker.close("a")
    worker.write()
    read = block_queries.visits(worker.site.services[ReportServices].parser)
    fold, has_locked, may_go_on = erasure_queries.fold_of_visitor, threading.Event(), threading.Event()

    def fold_and_wait(session, visitor_id):
        fold(session, visitor_id)
        has_locked.set()
        assert may_go_on.wait(30)

    monkeypatch.setattr(erasure_queries, "fold_of_visitor", fold_and_wait)
    erase = erasure_queries.erase, read, "ayesha", frozenset({SITE}), 100
    with ThreadPoolExecutor() as pool:
        erasing = pool.submit(worker.attendance._database.write, *erase)
        assert has_locked.wait(30)
        removing = pool.submit(other.attendance._database.write, queries.drop, 2**60, correct_attended)
        wait_until(lambda: worker.site.rows(WAITING) == [(1,)], "the removal waits for the erasure")
        may_go_on.set()
        assert (erasing.result().visits, removing.result()[1]) == (1, False)
