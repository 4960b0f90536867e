"""Who may read what of a bridge: the table is in support/permissions.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.account_calls import sign_up
from support.app_fixtures import Site
from support.permissions import ANYBODY, BRIDGED, MEMBER, MODERATOR, SITE_ADMIN, USER, VIEWER
from support.routes import path_of

ROOT = Path(__file__).resolve().parents[3]
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
    paths = [re.sub(r"^(GET|POST) |\?.*| \{.*", "", row) for row in rows]
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
