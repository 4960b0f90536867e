"""Attacks with redirects, injected headers, file paths and host names."""

import re
from urllib.parse import quote

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, sign_up
from support.people.communities import found
from support.people.page_readers import Reader
from support.people.permissions import SOCKETS
from support.people.routes import CHANGING, method_of, path_of, rules

EVIL = "evil.example"

TARGETS = (
    *("//evil.example", "///evil.example", "////evil.example/"),
    *(".//evil.example", " //evil.example", "/ /evil.example"),
    *("https://evil.example", "https:evil.example", "https:/evil.example", "HTTPS://evil.example"),
    *("http://localhost@evil.example/", "@evil.example", "evil.example", "?next=//evil.example"),
    *("/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\t/evil.example", "\t//evil.example"),
    *("/\n/evil.example", "\r\n//evil.example", "/\x00/evil.example", "\u2028//evil.example"),
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", ""),
)


@pytest.fixture(scope="module")
def boss(site, cast) -> Reader:
    return Reader(site).log_in("site_admin")


def test_a_redirect_leads_only_to_a_page_of_this_site(site, boss):
    """This applies to forms, and to the login page, which redirects logged-in users immediately."""
    reader = Reader(site)
    locations = {}
    for target in TARGETS:
        reader.send("/language", next=target, language="bn")
        boss.get(f"/login?next={quote(target, safe='')}", 303)
        locations[target] = reader.location, boss.location
    assert locations == dict.fromkeys(TARGETS, ("/", "/admin/"))
    boss.get(f"/signup?next={quote(TARGETS[0], safe='')}", 303)
    assert boss.location == "/admin/"
    path = "/admin/people?query=//evil.example%0d%0aSet-Cookie:%20x=1"
    answer = site.client.get(path, headers={"Accept": "text/html"})
    assert answer.headers["Location"].startswith("/login?next=/admin/people?query%3D")
    assert "Set-Cookie" not in answer.headers


PICTURE = re.compile(r'<meta property="og:image" content="[^"]*">')


def test_no_response_contains_the_host_of_its_request(site, cast, boss):
    """The address of the page's picture is an exception, because it must be absolute (specification: The web app)."""
    proxied = {"X-Forwarded-Host": EVIL, "X-Forwarded-Server": EVIL, "Forwarded": f"host={EVIL}"}
    named = {**boss.headers, "Host": EVIL, **proxied}
    for endpoint, rule in rules(site).items():
        if endpoint in SOCKETS or method_of(rule) in CHANGING:
            continue
        path = path_of(site, cast, rule, cast.kept_community())
        answer = boss.client.get(path, headers=named)
        shown = answer.text if "html" in answer.content_type or "json" in answer.content_type else ""
        for text in (PICTURE.sub("", shown), *(value for _, value in answer.headers)):
            assert EVIL not in text, f"{endpoint}: {text[:200]}"
            assert "http://localhost" not in text.replace("http://localhost:8000", ""), endpoint
        assert answer.status_code < 500 or endpoint.endswith("stream"), endpoint


def test_the_host_that_a_proxy_forwards_is_not_trusted(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES=1) as site:
        headers = {"Accept": "text/html", "X-Forwarded-Host": EVIL, "X-Forwarded-Prefix": f"//{EVIL}"}
        assert site.client.get("/account", headers=headers).headers["Location"] == "/login?next=/account"
        own = {"Origin": f"http://{EVIL}", **headers}
        answer = site.client.post("/login", headers=own, data={"email": "a@example.com", "password": PASSWORD})
        assert answer.status_code == 403


CUTS = ("x\r\nSet-Cookie: cut=1", "x\nLocation: //cut.example", "x\r\n\r\n<script>", "x\x85y", "x\u2028y", "ঢাকা")


def test_no_sent_text_becomes_a_header(site):
    person, reader = sign_up(site, "cutter"), Reader(site).log_in("cutter")
    for cut in CUTS:
        site.rows("UPDATE users SET name = :name WHERE id = :id", name=cut, id=person.id)
        community, encoded = found(person, name=cut)["id"], quote(cut)
        answers = [
            reader.client.get(f"/login?next={encoded}", headers=reader.headers),
            reader.client.get(f"/communities?done={encoded}&page={encoded}", headers=reader.headers),
            reader.client.get(f"/nothing{encoded}", headers=reader.headers),
            reader.client.get(f"/communities/{community}", headers=reader.headers),
            reader.client.post(f"/language?next=/{encoded}", headers=reader.headers, data={"language": cut}),
            person.get(f"/api/communities?{encoded}={encoded}&per_page=1"),
            person.get(f"/api/communities/{encoded}"),
            site.client.get(f"/static/v-{encoded}/js/koyjabo.js"),
        ]
        for answer in answers:
            assert answer.status_code < 500
            assert "cut" not in "".join(answer.headers.getlist("Set-Cookie"))
            assert "cut.example" not in answer.headers.get("Location", "")
            assert not [name for name, value in answer.headers if {"\r", "\n"} & set(name + value)]


UPWARDS = (
    *("../config.py", "../../config.py", "..%2f..%2fconfig.py", "%2e%2e/%2e%2e/config.py", "..%5c..%5cconfig.py"),
    *("....//....//config.py", "js/../../wiring.py", "css/../js/../../__init__.py", "v-x/../../wiring.py"),
    *("/etc/passwd", "%2fetc%2fpasswd", "~root", "C:\\Windows\\win.ini", "file:///etc/passwd"),
    *("js", "js/", ".", "..", "no.js", "js/koyjabo.js%00.css"),
)


NOT_FOUND = ((404, "application/json"), (404, "text/html"))


def test_no_path_leads_out_of_the_folder_of_static_files_or_documents(site):
    for folder in ("/static/", "/static/v-x/", "/docs/"):
        for name in UPWARDS:
            for packed in ("gzip", "identity"):
                answer = site.client.get(folder + name, headers={"Accept-Encoding": packed})
                assert (answer.status_code, answer.mimetype) in NOT_FOUND, folder + name


def test_a_login_replaces_the_session_cookies_of_an_attacker(site, cast):
    """Session fixation: a session planted in another browser is not the one its user logs in to."""
    attacker = Reader(site).sign_up("attacker")
    planted = {name: attacker.client.get_cookie(name).value for name in ("access_token_cookie", "refresh_token_cookie")}
    victim = Reader(site)
    for name, value in planted.items():
        victim.client.set_cookie(name, value)
    victim.send("/login", email="outsider@example.com", password=PASSWORD)
    for name, value in planted.items():
        assert victim.client.get_cookie(name).value != value
    assert "outsider@example.com" in victim.get("/account")
    attacker.get("/account", 303)  # the browser's old session has ended
    assert attacker.location == "/login?next=/account"
