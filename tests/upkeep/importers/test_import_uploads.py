"""Uploads to a real server: files are read as they arrive, only admins may upload, and visits continue."""

import io
import re
from collections.abc import Iterator

import pytest
import requests
from support.clients.connection import Connection, head
from support.people.accounts import PASSWORD
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server
from support.servers.server import Server

PATH = "/admin/data/import"
COUNT = 20_000
EMAIL = "owner@example.com"
SETTINGS = {"ENVIRONMENT": "development", "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with changed_server(tmp_path_factory.mktemp("server"), **SETTINGS) as server:
        yield server


@pytest.fixture
def admin(server) -> requests.Session:
    session = requests.Session()
    session.post(f"{server.url}/login", data={"email": EMAIL, "password": PASSWORD}, headers={"Origin": server.url})
    return session


def token(session: requests.Session, server: Server) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', session.get(f"{server.url}{PATH}").text)
    assert match
    return match[1]


@pytest.mark.long(proved_by="upkeep/importers/test_import_in_panel.py::test_only_admins_may_send_a_file")
def test_only_an_admins_large_file_is_read(server, admin):
    lines = "".join(f"visitor{n % 999},v{n},2025-03-01T10:00:00Z\n" for n in range(COUNT))
    file = ("visits.csv", io.BytesIO(b"visitor_id,visit_id,at\n" + lines.encode()))
    fields = {"csrf_token": token(admin, server), "program": "koyjabo"}
    answer = admin.post(f"{server.url}{PATH}", data=fields, files={"file": file}, headers={"Origin": server.url})
    assert (answer.status_code, answer.url) == (200, f"{server.url}{PATH}")
    wait_until(lambda: "20,000 visits" in admin.get(f"{server.url}{PATH}").text, "it is checked", every_s=0.3)
    announced = 60 * 1024 * 1024
    with Connection(server.port) as stranger:
        stranger.send(head("POST", PATH, f"Content-Length: {announced}").replace(b"application/json", b"text/plain"))
        stranger.send(b"x" * 65_536)
        assert stranger.answer().status in (302, 303, 401)
        assert stranger.is_closed()
