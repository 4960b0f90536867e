"""A start in development prints a link that logs the first admin in once."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import SECRET, Site
from support.databases.at_once import hold_for_two
from support.people.accounts import disable, sign_up
from support.people.page_readers import Reader, words
from support.people.two_step import turn_on

from koyjabo.base.core.link_tokens import LOGIN_LINK, LinkTokens
from koyjabo.base.settings.database_url import file_of, for_libpq
from koyjabo.people.accounts.startup_queries import replace_login_link
from koyjabo.server.process.loading import LOGIN_LINK_MS

PRINTED = re.compile(r"/login/link/[\w-]{43}$", re.MULTILINE)
IS_OVER = "This link no longer works"


def stored(site: Site) -> str | None:
    """Store a link as a start does. Returns its path; None without an admin."""
    url, link_id = site.app.config["SQLALCHEMY_DATABASE_URI"], str(uuid.uuid4())
    is_stored = replace_login_link(file_of(url) or for_libpq(url), LOGIN_LINK, link_id, site.time() + LOGIN_LINK_MS)
    return f"/login/link/{LinkTokens(SECRET).token(LOGIN_LINK, link_id)}" if is_stored else None


@pytest.fixture
def boss(site):
    boss = sign_up(site, "boss")
    site.rows("UPDATE users SET is_admin = true")
    site.time.pass_(minutes=1)
    sign_up(site, "later")
    site.rows("UPDATE users SET is_admin = true")
    return boss


def refused(site: Site, link: str) -> bool:
    return IS_OVER in Reader(site).get(link, 422)


def test_a_login_link_logs_the_first_admin_in_once(site, boss):
    link = stored(site)
    assert Reader(site).client.head(link).status_code == 303, "HEAD uses nothing up"
    reader = Reader(site)
    reader.get(link, 303)
    assert reader.location == "/admin/"
    assert "boss@example.com" in words(reader.get("/account"))
    assert 'name="password"' in reader.get("/admin/server?edit=address"), "a link is no proof"
    assert refused(site, link)
    assert site.rows("SELECT verified_ms FROM users WHERE email = 'boss@example.com'") == [(None,)]


@pytest.mark.both_kinds
def test_a_login_link_opened_in_two_browsers_at_once_logs_in_only_one(site, database, boss):
    link = stored(site)
    before = site.rows("SELECT count(*) FROM sessions")[0][0]
    with (
        Site(database.url, site.time) as other,
        ThreadPoolExecutor(2) as threads,
        hold_for_two(database, "DELETE FROM email_links"),
    ):
        statuses = threads.map(lambda server: server.app.test_client().get(link).status_code, (site, other))
        assert sorted(statuses) == [303, 422]
    assert site.rows("SELECT count(*) FROM sessions") == [(before + 1,)]


def test_a_login_link_works_for_an_hour_or_until_the_next_start(site, boss):
    first = stored(site)
    second = stored(site)
    assert refused(site, first)
    site.time.pass_(hours=1)
    assert refused(site, second)


def test_a_login_link_does_not_replace_the_two_step_login(site, boss):
    app = turn_on(boss)
    reader, link = Reader(site), stored(site)
    page = reader.get(link)
    assert reader.client.get_cookie("access_token_cookie") is None
    assert refused(site, link)
    token = re.search(r'name="token" value="([^"]+)"', page)[1]
    reader.send("/login/second-factor", token=token, code=app.next_code())
    assert reader.location == "/admin/"


def test_only_an_active_admin_gets_a_login_link(site, boss):
    link = stored(site)
    disable(site, "boss@example.com")
    assert refused(site, link)
    disable(site, "later@example.com")
    assert stored(site) is None


def test_a_start_prints_a_login_link_only_in_development(new_server, sqlite_database):
    server = new_server(sqlite_database, ENVIRONMENT="development").start()
    link = PRINTED.search(server.log)[0]
    assert server.get(link, allow_redirects=False).headers["Location"] == "/admin/"
    server.stop()
    production = new_server(sqlite_database).start()
    assert PRINTED.search(production.log) is None
