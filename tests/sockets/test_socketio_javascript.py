"""The JavaScript client of Socket.IO, as a page would load it, under Node."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from support.answers import Stats
from support.processes import ROOT, wait_until
from support.redis import free_port

VERSION = "4.8.4"
CACHE = ROOT / ".pytest_cache" / "node"
SCRIPT = Path(__file__).resolve().parents[1] / "support" / "page.mjs"


@pytest.fixture(scope="session")
def package():
    """The folder socket.io-client is installed in; only the first run needs the network."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are needed to run the JavaScript client")
    folder = CACHE / f"socket.io-client-{VERSION}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", f"socket.io-client@{VERSION}"]
        installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if installed.returncode:
            pytest.skip(f"npm cannot install socket.io-client {VERSION}: {installed.stderr.strip()[-300:]}")
        (folder / "done").touch()
    return folder


class Page:
    """A client in a process of its own."""

    def __init__(self, port, folder):
        command = ["node", str(SCRIPT), f"http://127.0.0.1:{port}", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def emit(self, name):
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()

    def of(self, what):
        return [each for each in list(self.said) if each["what"] == what]

    def wait_for(self, what, count=1):
        wait_until(lambda: len(self.of(what)) >= count, f"{what} for the {count}. time", 20)
        return self.of(what)[count - 1]

    @property
    def updates(self):
        return [Stats.of(each["event"]["stats"]) for each in self.of("heard") if each["name"] == "visitor_update"]

    def wait_for_total(self, total):
        wait_until(lambda: any(stats.total == total for stats in self.updates), f"total {total}", 20)

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture
def server(sqlite_database, new_server):
    """On a port that it keeps when it is started again."""
    return new_server(sqlite_database, PORT=free_port(), STARTING_TOTAL=4000).start()


@pytest.fixture
def page(server, package):
    page = Page(server.port, package)
    yield page
    page.close()


def test_javascript_client_listens_asks_is_refused_and_comes_back_after_a_restart(server, page):
    page.wait_for("connected")
    assert page.wait_for("upgraded")["transport"] == "websocket"
    page.wait_for_total(4000)
    assert page.wait_for("refused")["message"] == "Invalid namespace"

    stats = server.register("ayesha").stats
    page.wait_for_total(4001)
    assert page.updates == [page.updates[0], stats]

    page.emit("ping")
    assert page.wait_for("acknowledged")["answer"].keys() == {"ok", "type", "timestamp"}
    page.emit("request_count")
    answer = page.wait_for("acknowledged", 2)["answer"]
    assert {**answer, "last": None} == {"ok": True, "type": "visitor_update", "stats": stats.raw, "last": None}
    page.emit("no_such_event")
    refused = page.wait_for("acknowledged", 3)["answer"]
    assert (refused["ok"], refused["code"]) == (False, "invalid_message")

    heard = len(page.of("heard"))
    assert server.stop().status == 0
    assert page.wait_for("disconnected")["reason"] in ("transport close", "io server disconnect")
    server.start()
    missed = server.register("karim").stats
    page.wait_for("connected", 2)
    wait_until(lambda: len(page.of("heard")) > heard, "the first event after it came back", 20)
    page.wait_for_total(missed.total)
    first_after = Stats.of(page.of("heard")[heard]["event"]["stats"])
    assert first_after.total in (4001, 4002)
    assert [stats.total for stats in page.updates] == sorted(stats.total for stats in page.updates)
    assert page.updates[-1] == server.stats()


def test_first_event_after_coming_back_is_the_present_state(server, page):
    """Also of what happened while the page was away."""
    page.wait_for_total(4000)
    heard = len(page.of("heard"))
    server.stop()
    page.wait_for("disconnected")
    total = server.database.rows(
        "UPDATE counters SET total = total + 7, revision = revision + 1 WHERE scope = 'site' RETURNING total"
    )[0][0]
    server.start()
    page.wait_for("connected", 2)
    wait_until(lambda: len(page.of("heard")) > heard, "an event", 20)
    assert Stats.of(page.of("heard")[heard]["event"]["stats"]).total == total
