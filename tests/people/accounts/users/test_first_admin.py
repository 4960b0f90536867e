"""A site's first admin is created once, by the first process that tries, and never changed by the others."""

import re

import pytest
from support.application.commands import koyjabo
from support.application.site import Site, assert_error
from support.people.accounts import log_in, sign_up, try_login

from config import SettingsError
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL

pytestmark = pytest.mark.empty_database

ADMIN = {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": "the first of them"}
AS_ADMIN = {"name": "boss", "password": ADMIN["ADMIN_PASSWORD"]}
MADE_UP = re.compile(
    r"Log in to the panel as admin@koyjabo\.example with the password (\S+) \(it is not shown again\)\n"
)
USERS = "SELECT email, name, is_admin FROM users"


def test_the_first_admin_is_created_at_the_first_start_and_never_changed(database):
    with Site(database.url, **ADMIN) as site:
        assert site.rows(USERS) == [("Boss@example.com", "Boss", True)]
        first = log_in(site, **AS_ADMIN)
        assert first.get("/api/auth/me").json["is_admin"] is True
        before = site.rows("SELECT * FROM users")
        site.restart()
        site.settings["ADMIN_PASSWORD"] = "another password"
        site.restart()
        assert site.rows("SELECT * FROM users") == before
        assert log_in(site, **AS_ADMIN).id == first.id


def test_the_first_admin_is_added_to_existing_users_and_changes_none_of_them(database):
    with Site(database.url) as site:
        sign_up(site)
        before = site.rows("SELECT * FROM users")
    with Site(database.url, **ADMIN | {"ADMIN_EMAIL": "ayesha@example.com"}) as site:
        assert site.rows("SELECT * FROM users") == before
        assert_error(try_login(site, password=ADMIN["ADMIN_PASSWORD"]), 401, "wrong_credentials")
    with Site(database.url, **ADMIN) as site:
        assert log_in(site, **AS_ADMIN).get("/api/auth/me").json["is_admin"] is True


def test_two_servers_that_start_at_once_create_one_admin(database, monkeypatch):
    """Two servers start at once, and both find no account."""
    with Site(database.url, **ADMIN) as site:
        monkeypatch.setattr(Accounts, "find", lambda *_: None)
        credentials = site.services[AccountServices].credentials
        assert credentials.ensure_admin(ADMIN["ADMIN_EMAIL"], "another password") is False
        monkeypatch.undo()
        assert site.rows(USERS) == [("Boss@example.com", "Boss", True)]
        assert log_in(site, **AS_ADMIN).email == "Boss@example.com"


@pytest.mark.long(
    proved_by="people/accounts/users/test_first_admin.py::test_two_servers_that_start_at_once_create_one_admin"
)
def test_workers_that_start_at_the_same_time_create_one_admin(database, new_server, redis_server):
    settings = {**ADMIN, "WEB_CONCURRENCY": 3, "REDIS_URL": redis_server.url}
    servers = [new_server(database, **settings).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    login = {"email": ADMIN["ADMIN_EMAIL"], "password": ADMIN["ADMIN_PASSWORD"]}
    assert [server.post("/api/auth/login", json=login).status_code for server in servers] == [200, 200]
    assert [bool(is_admin) for _, _, is_admin in database.rows(USERS)] == [True]
    assert "Traceback" not in "".join(server.log for server in servers)


def test_a_start_in_development_creates_an_admin_and_prints_the_password_once(database, capsys):
    with Site(database.url, ENVIRONMENT="development") as site:
        (password,) = MADE_UP.findall(capsys.readouterr().err)
        made_up = {"email": PLACEHOLDER_EMAIL, "password": password}
        assert log_in(site, **made_up).get("/api/auth/me").json["is_admin"] is True
        site.restart()
        assert "password" not in capsys.readouterr().err
        assert log_in(site, **made_up).email == PLACEHOLDER_EMAIL


def test_a_restore_into_an_empty_database_creates_no_admin_and_prints_no_password(sqlite_database, tmp_path):
    with Site(sqlite_database.url, **ADMIN):
        pass
    file, fresh = str(tmp_path / "a.backup"), f"sqlite:///{tmp_path}/fresh.db"
    assert koyjabo("backup", file, DATABASE_URL=sqlite_database.url).exit_code == 0
    restored = koyjabo("restore", file, DATABASE_URL=fresh, ENVIRONMENT="development")
    assert (restored.exit_code, MADE_UP.findall(restored.output)) == (0, []), restored.output
    with Site(fresh) as site:
        assert site.rows(USERS) == [("Boss@example.com", "Boss", True)]


def test_incomplete_settings_of_the_first_admin_are_refused_without_repeating_the_password(sqlite_database):
    for missing in ADMIN:
        with pytest.raises(SettingsError, match=rf"^{missing} is missing") as refused:
            Site(sqlite_database.url, **{name: value for name, value in ADMIN.items() if name != missing})
        assert ADMIN["ADMIN_PASSWORD"] not in str(refused.value)


def test_a_start_creates_no_admin_in_production_or_if_there_is_a_user(database, capsys):
    with Site(database.url) as site:
        assert site.rows(USERS) == []
    for settings in (ADMIN, {}):
        with Site(database.url, ENVIRONMENT="development", **settings) as site:
            assert site.rows(USERS) == [("Boss@example.com", "Boss", True)]
    assert capsys.readouterr().err == ""
