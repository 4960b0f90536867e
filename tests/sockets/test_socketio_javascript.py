"""Socket.IO's JavaScript client under Node."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from support.clients.node_page import NodePage
from support.programs.ports import free_port
from support.programs.processes import ROOT

SCRIPT = Path(__file__).with_name("socketio_page.mjs")


@pytest.mark.long(
    proved_by="realtime/test_push_events.py::test_socketio_events_and_acknowledgements_arrive_by_every_transport"
)
def test_the_javascript_client_reconnects_after_a_restart_and_receives_the_current_total(sqlite_database, new_server):
    if not (shutil.which("node") and (ROOT / "node_modules" / "socket.io-client").exists()):
        pytest.skip("npm has not installed socket.io-client: `make assets` has it do so")
    server = new_server(sqlite_database, PORT=free_port()).start()
    with closing(NodePage(SCRIPT, server.port, ROOT)) as page:
        assert page.wait_for("upgraded")["transport"] == "websocket"
        page.wait_for("updated", total=0)
        server.register("ayesha")
        page.wait_for("updated", total=1)
        page.do("request_count")
        assert page.wait_for("acknowledged").items() >= {"ok": True, "type": "visitor_update"}.items()
        assert server.stop().status == 0
        assert page.wait_for("disconnected")["reason"] in ("transport close", "io server disconnect")
        away = "UPDATE counters SET total = total + 7, revision = revision + 1 WHERE scope = 'site' RETURNING total"
        assert server.database.rows(away) == [(8,)]
        server.start()
        page.wait_for("updated", total=8)
        server.register("karim")
        page.wait_for("updated", total=9)
        totals = [event["total"] for event in page.events("updated")]
    assert totals == sorted(totals)
