"""Locks that the loop shares with real threads must be real ones: a green lock can block a thread forever."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.clients.members import Member, promote
from support.programs.processes import wait_until
from support.servers.changed_server import TRESPASS, ChangedServer

pytestmark = pytest.mark.honest_start

READS = ("stats", "members", "visitors", "visitors/today", "visitors/trends", "visitors/realtime")
REPORTS = ("summary", "timeline", "breakdown?by=page", "summary?range=yesterday&page=/", "hours?page=/")
"""Reports from sums and from rows, and for past days with cached results."""

AT_ONCE = json.dumps(
    {
        "koyjabo.reports.live.storing.POLL_S": 0.2,
        "koyjabo.reports.log.blocks.SIZE": 4,
        "koyjabo.reports.log.block_queries.SIZE": 4,
    }
)


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
