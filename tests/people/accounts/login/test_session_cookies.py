"""Sessions in a browser: cookies, the header that proves that a page could read a cookie, and other origins."""

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.people.accounts import PASSWORD, bare, bearer

SIGNUP, ME, LOGOUT, REFRESH = "/api/auth/signup", "/api/auth/me", "/api/auth/logout", "/api/auth/refresh"
APP = "https://app.example.com"
ELSEWHERE = ["https://evil.example", "null", "http://localhost:81", "https://localhost", f"{APP}.evil.example", "x"]
ACCESS_CSRF, REFRESH_CSRF = "csrf_access_token", "csrf_refresh_token"
SESSION = {"access_token_cookie", "refresh_token_cookie", ACCESS_CSRF, REFRESH_CSRF}
NAMES = SESSION | {"familiar_browser"}
PASSWORDS = ("current_password", "new_password")
HOST = "https://localhost"


site = site_fixture(ALLOWED_ORIGINS=f"{APP.upper()}:443, http://localhost:5173")


@pytest.fixture
def browser(site):
    """A browser with the cookies of a user who has signed up."""
    answer = site.client.post(SIGNUP, json={"email": "ayesha@example.com", "password": PASSWORD})
    assert answer.status_code == 201
    return site.client


def csrf(browser, cookie: str = ACCESS_CSRF) -> dict[str, str]:
    return {"X-CSRF-TOKEN": browser.get_cookie(cookie).value}


def cookies_of(answer) -> dict[str, dict[str, str]]:
    cookies = {}
    for line in answer.headers.getlist("Set-Cookie"):
        first, *rest = line.split("; ")
        attributes = dict(part.partition("=")[::2] for part in rest)
        cookies[first.partition("=")[0]] = {name.lower(): value for name, value in attributes.items()}
    return cookies


@pytest.mark.parametrize(("environment", "secure"), [("production", True), ("development", False)])
def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites(sqlite_database, environment, secure):
    with Site(sqlite_database.url, ENVIRONMENT=environment) as site:
        answer = site.client.post(SIGNUP, json={"email": "ayesha@example.com", "password": PASSWORD})
        cookies = cookies_of(answer)
        assert cookies.pop("familiar_browser")["path"] == "/"  # see test_login_limits
        assert set(cookies) == SESSION
        for name, attributes in cookies.items():
            assert ("httponly" in attributes) == (not name.startswith("csrf"))
            assert ("secure" in attributes) == secure
            assert (attributes["samesite"], attributes["path"]) == ("Lax", "/")
            assert "domain" not in attributes
            assert int(attributes["max-age"]) == 30 * 86400


def test_session_cookies_over_https_are_valid_only_for_this_host(sqlite_database):
    """Other hosts of the domain cannot set cookies with the prefix (RFC 6265bis, 4.1.3.2)."""
    with Site(sqlite_database.url, TRUSTED_PROXIES=1) as site:
        owner, victim = site.app.test_client(), site.app.test_client()
        for client in (owner, victim):
            client.environ_base.update({"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.7"})
        signed_up = owner.post(SIGNUP, json={"email": "ayesha@example.com", "password": PASSWORD}, base_url=HOST)
        cookies = cookies_of(signed_up)
        assert set(cookies) == {f"__Host-{name}" for name in NAMES}
        for attributes in cookies.values():
            assert ("secure" in attributes, attributes["path"], "domain" in attributes) == (True, "/", False)
        choice = owner.post("/language", data={"language": "bn"}, base_url=HOST)
        assert set(cookies_of(choice)) == {"__Host-language"}
        assert 'lang="bn"' in owner.get("/", base_url=HOST, headers={"Accept": "text/html"}).text
        for origin, status in ((HOST, 200), ("http://localhost", 401)):
            assert owner.get(ME, base_url=HOST, headers={"Origin": origin}).status_code == status
        for name in SESSION:
            victim.set_cookie(name, owner.get_cookie(f"__Host-{name}").value)
        assert_error(victim.get(ME, base_url=HOST), 401, "unauthenticated")
        assert "/login" in victim.get("/account", base_url=HOST).headers["Location"]


def test_a_refresh_cookie_logs_out_without_a_valid_access_cookie(site, browser):
    kept = browser.get_cookie("access_token_cookie").value
    browser.delete_cookie("access_token_cookie")
    assert_error(browser.post(LOGOUT), 403, "wrong_csrf_token")
    header = csrf(browser, REFRESH_CSRF)
    assert browser.post(LOGOUT, headers=header).status_code == 204
    assert_error(bare(site).get(ME, headers=bearer(kept)), 401, "invalid_token")
    again = site.client.post("/api/auth/login", json={"email": "ayesha@example.com", "password": PASSWORD})
    assert again.status_code == 200
    browser.set_cookie("access_token_cookie", "of another key")
    assert browser.post(LOGOUT, headers=csrf(browser, REFRESH_CSRF)).status_code == 204


def test_a_bearer_token_overrides_the_cookie(site, browser):
    assert_error(browser.get(ME, headers=bearer("abc")), 401, "invalid_token")
    token = browser.get_cookie("access_token_cookie").value
    answer = browser.post("/api/auth/password", headers=bearer(token), json={})
    assert_error(answer, 400, "invalid_input", *PASSWORDS)  # a bearer token needs no proof: browsers never add it


def test_a_cookie_is_accepted_only_from_our_pages_and_from_an_allowed_origin(browser):
    for origin in ("http://localhost", "http://localhost:80", APP, "http://localhost:5173"):
        assert browser.get(ME, headers={"Origin": origin}).status_code == 200, origin
    for origin in ELSEWHERE:
        for path, method in ((ME, "GET"), (LOGOUT, "POST"), (REFRESH, "POST"), ("/api/auth/password", "POST")):
            answer = browser.open(path, method=method, headers={"Origin": origin, **csrf(browser)})
            assert_error(answer, 401, "unauthenticated")
            assert not any(name.startswith("Access-Control") for name, _ in answer.headers)
