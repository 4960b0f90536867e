"""`koyjabo user …` while a server runs, and the admin that ADMIN_EMAIL names."""

import requests
from support.databases.database import Database
from support.servers.server import Server

EMAIL, PASSWORD, NEW_PASSWORD = "ayesha@example.com", "rickshaw at dawn", "launch at dusk"


def call(server: Server, path: str, token: str = "", **body: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    method = "POST" if body else "GET"
    return requests.request(
        method, f"http://localhost:{server.port}/api/auth/{path}", json=body or None, headers=headers, timeout=30
    )


def log_in(server: Server, password: str = PASSWORD) -> requests.Response:
    return call(server, "login", email=EMAIL, password=password)


def create(server: Server, *options: str):
    return server.koyjabo("user", "create", EMAIL, "--password-stdin", *options, typed=f"{PASSWORD}\n")


def test_an_operator_creates_changes_and_disables_an_account_while_the_server_runs(server):
    assert create(server, "--name", "Ayesha").returncode == 0
    login = log_in(server)
    token = login.json()["access_token"]
    assert login.json()["user"] | {"id": ""} == {"id": "", "email": EMAIL, "name": "Ayesha", "is_admin": False}

    assert server.koyjabo("user", "role", "AYESHA@example.com", "admin").returncode == 0
    assert call(server, "me", token).json()["is_admin"] is True
    assert server.koyjabo("user", "role", EMAIL, "viewer").returncode == 0
    assert call(server, "me", token).json()["is_admin"] is False
    assert server.koyjabo("user", "promote", EMAIL).returncode == 0
    assert call(server, "me", token).json()["is_admin"] is True
    assert server.koyjabo("user", "promote", EMAIL, "--demote").returncode == 0
    assert call(server, "me", token).json()["is_admin"] is False

    assert server.koyjabo("user", "password", EMAIL, "--password-stdin", typed=NEW_PASSWORD).returncode == 0
    assert call(server, "me", token).status_code == 401
    assert log_in(server).status_code == 401
    token = log_in(server, NEW_PASSWORD).json()["access_token"]

    assert server.koyjabo("user", "disable", EMAIL).returncode == 0
    assert call(server, "me", token).status_code == 401
    assert log_in(server, NEW_PASSWORD).status_code == 401
    assert server.koyjabo("user", "enable", EMAIL).returncode == 0
    assert log_in(server, NEW_PASSWORD).status_code == 200


def test_workers_that_start_at_the_same_time_create_one_admin(database: Database, new_server, redis_server):
    admin = {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD, "WEB_CONCURRENCY": 3, "REDIS_URL": redis_server.url}
    servers = [new_server(database, **admin).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    assert [log_in(server).status_code for server in servers] == [200, 200]
    ((is_admin,),) = database.rows("SELECT is_admin FROM users")
    assert is_admin
    assert "Traceback" not in "".join(server.log for server in servers)
