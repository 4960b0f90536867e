"""Socket.IO's JavaScript client under Node, loaded as a page would load it."""

import shutil
from pathlib import Path

import pytest
from support.clients.node_page import NodePage
from support.programs.ports import free_port
from support.programs.processes import ROOT
from support.servers.api_client import Stats

pytestmark = pytest.mark.long(
    proved_by="realtime/test_push_events.py::test_socketio_events_and_acknowledgements_arrive_by_every_transport"
)

SCRIPT = Path(__file__).with_name("socketio_page.mjs")
MISSING = "npm has not installed socket.io-client: `make assets` has it do so"


class Page(NodePage):
    def __init__(self, port):
        super().__init__(SCRIPT, port, ROOT)

    def ask(self, name):
        self.do(name)
        return self.wait_for_number(len(self.events("acknowledged")) + 1, "acknowledged")["answer"]

    @property
    def updates(self):
        return [Stats.of(message["event"]["stats"]) for message in self.events("received", name="visitor_update")]

    def wait_for_total(self, total):
        self.wait_until(lambda: any(stats.total == total for stats in self.updates), f"total {total}")


@pytest.fixture
def server(sqlite_database, new_server):
    """A server that keeps its port across restarts."""
    return new_server(sqlite_database, PORT=free_port(), STARTING_TOTAL=4000).start()


@pytest.fixture
def page(server):
    if not (shutil.which("node") and (ROOT / "node_modules" / "socket.io-client").exists()):
        pytest.skip(MISSING)
    page = Page(server.port)
    yield page
    page.close()


def test_the_javascript_client_reconnects_after_a_restart(server, page):
    assert page.wait_for("upgraded")["transport"] == "websocket"
    page.wait_for_total(4000)
    assert page.wait_for("refused")["message"] == "Invalid namespace"
    stats = server.register("ayesha").stats
    page.wait_for_total(4001)
    assert page.updates == [page.updates[0], stats]
    assert page.ask("ping").keys() == {"ok", "type", "timestamp"}
    assert page.ask("request_count").items() >= {"ok": True, "type": "visitor_update", "stats": stats.raw}.items()
    refused = page.ask("no_such_event")
    assert (refused["ok"], refused["code"]) == (False, "invalid_message")

    assert server.stop().status == 0
    assert page.wait_for("disconnected")["reason"] in ("transport close", "io server disconnect")
    away = "UPDATE counters SET total = total + 7, revision = revision + 1 WHERE scope = 'site' RETURNING total"
    ((total,),) = server.database.rows(away)
    server.start()
    page.wait_for_total(total)
    assert server.register("karim").stats.total == total + 1
    page.wait_for_total(total + 1)
    assert [stats.total for stats in page.updates] == sorted(stats.total for stats in page.updates)
    assert page.updates[-1] == server.stats()
