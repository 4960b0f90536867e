"""`/readyz` is red when visitors should go to another server, before they get an error."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import ROOT, suspended, wait_until
from support.programs.threads import in_thread
from support.servers.server import Server


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    return module_servers(module_sqlite_database).start()


@pytest.fixture(autouse=True)
def ready(server: Server) -> None:
    """Wait until the server, which earlier tests have used, is ready again."""
    wait_until(lambda: server.get("/readyz").ok, "it is green")


def checks(server: Server) -> dict[str, dict]:
    return server.get("/readyz").json()["checks"]


def test_the_server_is_not_ready_after_a_late_or_failed_commit(server):
    """Traffic that is moved elsewhere cannot show that the failure is over."""
    wait_until(lambda: is_red_before_the_error(server), "it is red before the visitor gets an error", 2 * PATIENCE_S)


def is_red_before_the_error(server: Server) -> bool:
    """Let a visit fail. Returns False if the server is red too late, or if this process was too slow to see it."""
    with server.database.locked():
        visit = in_thread(lambda: server.post_visit("ayesha", "1").status_code)
        result = wait_until(lambda: not (now := checks(server))["writer"]["ok"] and now, "it is red")
        is_in_time = not visit.done()
        assert result["database"]["ok"], "reads go on"
        assert server.get("/readyz").headers["Retry-After"]
        assert visit.result(PATIENCE_S) == 503
        assert checks(server)["writer"]["ok"] is False
    answer = wait_until(
        lambda: (answer := server.get("/readyz")).ok and answer, "it is green although there were no visits"
    )
    assert "not being saved" in "".join(answer.json()["warnings"])
    return is_in_time


def test_the_server_is_not_ready_while_a_worker_is_overloaded(server):
    late = wait_until(lambda: late_after_a_stop(server), "it says that it was late")
    assert late["loop"]["ms"] > 1000
    wait_until(lambda: server.get("/readyz").ok, "it is green again")


def late_after_a_stop(server: Server) -> dict[str, dict] | None:
    """Suspend the workers. Returns the result while the server reports a delay within a second, or None."""
    with suspended(server.workers()):
        time.sleep(2.5)  # keep it busy: the time beyond the limit counts as delay
    ends = time.monotonic() + 1
    while time.monotonic() < ends:
        if not (result := checks(server))["loop"]["ok"]:
            return result
    return None


def test_the_health_check_of_the_image_bypasses_a_proxy(server):
    (command,) = re.findall(r"^HEALTHCHECK .*\n +CMD (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    command_line = [sys.executable, *json.loads(command)[1:]]

    def status(port: int) -> int:
        env = {**os.environ, "PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
        return subprocess.run(command_line, env=env, capture_output=True, timeout=PATIENCE_S, check=False).returncode

    assert [status(port) for port in (server.port, free_port())] == [0, 1]
