"""Who may read what of a bridge: the table is in support/permissions.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.account_calls import sign_up
from support.app_fixtures import Site
from support.permissions import ANYBODY, BRIDGED, MEMBER, MODERATOR, ROLES, USER, VIEWER
from support.routes import path_of

ROOT = Path(__file__).resolve().parents[3]
PARTS = {"nobody": "nobody", "user": "outsider", "viewer": "viewer", "member": "member", "moderator": "moderator"}
PARTS |= {"admin": "admin", "site_admin": "site_admin"}
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


def expected(role: str, least: str) -> bool:
    if least == VIEWER:
        return role in (VIEWER, "site_admin")
    return ROLES.index(role) >= ROLES.index(least)


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
        for path in (
            "/api/analytics/visitors/",
            "/api/visitors/communities/x/trends/",
            "/api/user/communities/status/",
        ):
            for origin, allowed in (("https://app.citinfos.example", True), ("https://other.example", False)):
                answer = site.client.options(path, headers={"Origin": origin})
                assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


@pytest.mark.parametrize("endpoint", [each for each, least in RULES.items() if least != ANYBODY])
def test_only_who_may_is_let_in(site, cast, viewer, endpoint):
    rule, least = rules(site)[endpoint], RULES[endpoint]
    community = cast.kept_community()
    path, method = path_of(site, cast, rule, community), "POST" if "POST" in rule.methods else "GET"
    asked = [(path, least)]
    if least == VIEWER:
        asked += [(f"{path}?community_id={community}", MODERATOR), (f"{path}?community_id=x", "site_admin")]
    for url, wanted in asked:
        for role, part in PARTS.items():
            status = cast.call(part, method, url).status_code
            if url.endswith("=x"):
                assert status == (401 if role == "nobody" else 404), (url, role)
            elif expected(role, wanted):
                assert status == 200, (url, role)
            else:
                assert status == (401 if role == "nobody" else 403), (url, role)
    assert least in (USER, VIEWER, MEMBER, MODERATOR)
