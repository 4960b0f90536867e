"""`koyjabo key …` while a server runs."""

import pytest
import requests
from support.programs.patience import PATIENCE_S
from support.servers.server import Server


@pytest.fixture(scope="module")
def server(module_sqlite_database, module_servers) -> Server:
    return module_servers(module_sqlite_database).start()


def status(server: Server, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(
        f"http://localhost:{server.port}/api/reports/summary", headers=headers, timeout=PATIENCE_S
    ).status_code


@pytest.mark.long(proved_by="integrations/api_keys/test_api_keys.py::test_revoked_key_is_refused_at_once")
def test_operator_makes_lists_and_revokes_a_key_while_the_server_runs(server):
    made = server.koyjabo("key", "create", "Grafana", "--scope", "reports:read", "--expires", "2099-12-31T18:00:00Z")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert status(server, key) == 200
    (line,) = server.koyjabo("key", "list").stdout.splitlines()
    key_id, prefix, *_columns = line.split()
    assert key.startswith(prefix)
    assert "reports:read  site  until 2099-12-31T18:00:00.000Z" in line
    assert line.endswith("Grafana")
    assert server.koyjabo("key", "revoke", key_id).stdout == f"Revoked {prefix}_… of Grafana.\n"
    assert status(server, key) == 401
    assert server.koyjabo("key", "list").stdout == ""
    again = server.koyjabo("key", "revoke", key_id)
    assert (again.returncode, "Key not found" in again.stderr) == (1, True)
