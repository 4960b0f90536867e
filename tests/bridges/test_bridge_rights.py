"""Bridges are off unless asked for, each can be deleted, and people/permissions.py says who reads what of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import sign_up
from support.people.permissions import ANYBODY, BRIDGED, MEMBER, MODERATOR, SITE_ADMIN, USER, VIEWER
from support.people.routes import path_of
from support.programs.processes import run

import config

ROOT = Path(__file__).resolve().parents[2]
REFUSED = {
    USER: (),
    VIEWER: ("admin",),
    MEMBER: ("outsider",),
    MODERATOR: ("viewer", "member"),
    SITE_ADMIN: ("viewer",),
}
LET_IN = {USER: "outsider", SITE_ADMIN: "site_admin"}
"""The most that a rule keeps out, and the least that it lets in, where that is called otherwise."""

RULES = {endpoint: least for least, endpoints in BRIDGED.items() for endpoint in endpoints.split()}


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, BRIDGES="koyjabo,citinfos", RATE_LIMIT_LOGINS="0") as site:
        yield site


@pytest.fixture(scope="module")
def viewer(site, cast):
    cast.people["viewer"] = sign_up(site, "viewer")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'viewer@example.com'")


def rules(site: Site) -> dict:
    bridged = ("citinfos.", "koyjabo_bridge.")
    return {rule.endpoint: rule for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith(bridged)}


def test_every_route_of_a_bridge_has_a_rule(site):
    assert set(rules(site)) == set(RULES)


def documented() -> set[str]:
    """The calls in the tables of docs/bridges.md, without queries, bodies and last slashes."""
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "bridges.md").read_text(), re.MULTILINE)
    calls = [row for row in rows if row.startswith(("GET ", "POST ", "/"))]
    paths = [re.sub(r"^(GET|POST) |\?.*| \{.*", "", row) for row in calls]
    found = [(path, re.search(r"\{([a-z-]+,[^}]+)\}", path)) for path in paths]
    all_ = [path.replace(m[0], each) for path, m in found if m for each in m[1].split(",")]
    return {path.rstrip("/") for path in [*all_, *(path for path, m in found if not m)]}


def test_every_route_of_a_bridge_is_in_its_document(site):
    routes = {rule.rule.replace("<community_id>", "{id}").rstrip("/") for rule in rules(site).values()}
    others = {path for path in routes if path.startswith("/api/analytics/") and "/visitors" not in path}
    assert routes - others == documented()
    assert len(others) == 7


def test_pages_of_allowed_origins_may_call_it(sqlite_database):
    settings = {"BRIDGES": "citinfos", "ALLOWED_ORIGINS": "https://app.citinfos.example"}
    with Site(sqlite_database.url, **settings) as site:
        of_communities = "/api/visitors/communities/x/trends/"
        for path in ("/api/analytics/visitors/", of_communities, "/api/user/communities/status/"):
            for origin, allowed in (("https://app.citinfos.example", True), ("https://other.example", False)):
                answer = site.client.options(path, headers={"Origin": origin})
                assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_only_who_may_is_let_in(site, cast, viewer):
    community, wrong = cast.kept_community(), {}
    for endpoint, least in RULES.items():
        if least == ANYBODY:
            continue
        rule = rules(site)[endpoint]
        path, method = path_of(site, cast, rule, community), "POST" if "POST" in rule.methods else "GET"
        asked = [(path, least)]
        if least == VIEWER:
            asked += [(f"{path}?community_id={community}", MODERATOR)]
        for url, wanted in asked:
            expected = {"nobody": 401, **dict.fromkeys(REFUSED[wanted], 403), LET_IN.get(wanted, wanted): 200}
            found = {who: cast.call(who, method, url).status_code for who in expected}
            if found != expected:
                wrong[url] = found
        if least == VIEWER:
            assert cast.call("site_admin", method, f"{path}?community_id=x").status_code == 404
    assert wrong == {}


COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


PATHS = {
    "koyjabo": ["/gh?r=d&p=data/stats/global.json"],
    "citinfos": [
        "/api/analytics/visitors/",
        "/api/analytics/trends/",
        f"/api/visitors/communities/{COMMUNITY}/visitors/",
        f"/api/communities/{COMMUNITY}/online-count/",
        f"/api/communities/{COMMUNITY}/track-activity/",
        "/api/user/communities/status/",
        "/ws/analytics/visitors/",
    ],
}


@pytest.mark.parametrize("bridges", ["", "koyjabo", "citinfos"])
def test_what_is_not_asked_for_is_not_there(sqlite_database, bridges):
    with Site(sqlite_database.url, BRIDGES=bridges) as site:
        for name, paths in PATHS.items():
            for path in paths:
                answer = site.client.get(path)
                if name == bridges:
                    assert answer.status_code != 404, path
                else:
                    assert_error(answer, 404, "not_found")
        described = site.client.get("/openapi.json").json["paths"]
        assert ("/gh" in described) == (bridges == "koyjabo")
        assert ("/api/analytics/visitors" in described) == (bridges == "citinfos")
        assert "Access-Control-Allow-Origin" not in site.client.options("/ghosts").headers or bridges == "koyjabo"


def test_names_may_stand_in_any_order_and_twice():
    assert config.load({"BRIDGES": " citinfos, koyjabo,citinfos,"}).bridged == ["citinfos", "koyjabo"]


PROGRAM = """
import os, sys
sys.modules["koyjabo." + sys.argv[1]] = None  # so that it cannot be imported
from koyjabo import create_app
client = create_app().test_client()
assert client.post("/api/visitor/register", json={"visitorId": "ayesha"}).status_code == 200
assert client.get("/openapi.json").status_code == 200
read = client.get("/gh?r=d&p=data/stats/global.json")
assert read.status_code == (200 if os.environ["BRIDGES"] else 404), read.text
"""


@pytest.mark.parametrize(
    ("missing", "bridges"), [("bridges", ""), pytest.param("bridges.citinfos", "koyjabo", marks=pytest.mark.long)]
)
def test_everything_else_starts_without_the_package(tmp_path, missing, bridges):
    ended = run("-c", PROGRAM, missing, DATABASE_URL=f"sqlite:///{tmp_path}/koyjabo.db", BRIDGES=bridges)
    assert ended.returncode == 0, ended.stderr
