"""`koyjabo user …` while a server runs, and the admin that ADMIN_EMAIL names."""

import pytest
import requests
from support.databases.database import Database
from support.servers.server import Server

EMAIL, PASSWORD, NEW_PASSWORD = "ayesha@example.com", "rickshaw at dawn", "launch at dusk"


@pytest.fixture(scope="module")
def running(module_sqlite_database, module_servers) -> Server:
    return module_servers(module_sqlite_database).start()


@pytest.fixture
def server(running) -> Server:
    """A server without accounts."""
    running.database.rows("DELETE FROM audit_log")
    running.database.rows("DELETE FROM users")
    return running


def call(server: Server, path: str, token: str = "", **body: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    method = "POST" if body else "GET"
    return requests.request(
        method, f"http://localhost:{server.port}/api/auth/{path}", json=body or None, headers=headers, timeout=30
    )


def log_in(server: Server, password: str = PASSWORD, email: str = EMAIL) -> requests.Response:
    return call(server, "login", email=email, password=password)


def create(server: Server, *options: str, email: str = EMAIL, password: str = PASSWORD):
    return server.koyjabo("user", "create", email, "--password-stdin", *options, typed=f"{password}\n")


def test_operator_makes_changes_and_ends_an_account_while_the_server_runs(server):
    made = create(server, "--name", "Ayesha")
    assert (made.returncode, made.stdout) == (0, "Created ayesha@example.com.\n")
    login = log_in(server)
    token = login.json()["access_token"]
    assert login.json()["user"] | {"id": ""} == {"id": "", "email": EMAIL, "name": "Ayesha", "is_admin": False}

    given = server.koyjabo("user", "role", "AYESHA@example.com", "admin")
    assert given.stdout == "ayesha@example.com has the role admin on this site.\n"
    assert call(server, "me", token).json()["is_admin"] is True
    assert server.koyjabo("user", "role", EMAIL, "viewer").returncode == 0
    assert call(server, "me", token).json()["is_admin"] is False
    assert server.koyjabo("user", "promote", EMAIL).stdout == "ayesha@example.com is now a site admin.\n"
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
    assert server.koyjabo("user", "disable", EMAIL, "--enable").returncode == 0
    assert log_in(server, NEW_PASSWORD).status_code == 200
    assert server.koyjabo("user", "disable", EMAIL).returncode == 0
    assert server.koyjabo("user", "enable", EMAIL).stdout == "ayesha@example.com can log in again.\n"
    assert log_in(server, NEW_PASSWORD).status_code == 200


def test_user_command_explains_a_refusal_in_a_sentence(server):
    assert create(server, "--admin").stdout == "Created site admin ayesha@example.com.\n"
    nobody = "nobody@example.com"
    for arguments, typed, why in (
        (["create", EMAIL, "--password-stdin"], PASSWORD, "An account with this email already exists."),
        (["create", nobody, "--password-stdin"], "short", "The password must have 8 to 128 characters."),
        (["create", nobody, "--password-stdin"], "", "The password must have 8 to 128 characters."),
        (["create", "nobody", "--password-stdin"], PASSWORD, "must be an email address"),
        (["password", nobody, "--password-stdin"], PASSWORD, "User not found."),
        (["promote", nobody], "", "User not found."),
        (["role", nobody, "viewer"], "", "User not found."),
        (["role", EMAIL, "king"], "", "'member', 'viewer', 'admin'"),
        (["disable", nobody], "", "User not found."),
        (["enable", nobody], "", "User not found."),
        (["unlock", nobody], "", "User not found."),
    ):
        refused = server.koyjabo("user", *arguments, typed=typed)
        assert refused.returncode in (1, 2)
        assert why in refused.stderr
        assert "Traceback" not in refused.stderr
    assert server.database.rows("SELECT count(*) FROM users") == [(1,)]


def test_every_worker_may_be_the_first_to_start(database: Database, new_server, redis_server):
    admin = {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD, "WEB_CONCURRENCY": 3, "REDIS_URL": redis_server.url}
    servers = [new_server(database, **admin).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    assert [log_in(server).status_code for server in servers] == [200, 200]
    ((is_admin,),) = database.rows("SELECT is_admin FROM users")
    assert is_admin
    assert "Traceback" not in "".join(server.log for server in servers)


def test_server_with_an_admin_it_cannot_make_does_not_start(new_server, sqlite_database):
    server = new_server(sqlite_database, ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD="secret").launch()
    assert server.wait().status == 2
    assert server.log == "ADMIN_PASSWORD must have 8 to 128 characters.\n"
