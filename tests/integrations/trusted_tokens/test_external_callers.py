"""Users of another system call with its tokens: they have a role in communities, but no account."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from other_system import AUTH, token
from support.application.site import Site, assert_error
from support.people.accounts import bare, bearer
from support.people.communities import PATH
from support.people.routes import CHANGING, method_of, path_of, rules, stored

OPEN = """
api_communities.list_communities api_communities.get_community api_communities.list_members
api_communities.community_stats api_community_reports.visitors api_community_reports.visitors_today
api_community_reports.visitors_weekly api_community_reports.visitors_monthly api_community_reports.visitors_growth
api_community_reports.visitors_trends api_communities.realtime api_community_refs.online
api_communities.who_is_online api_sockets.community_stream
api_reports.community_report_summary api_reports.community_report_timeline api_reports.community_report_breakdown
"""
"""Calls that a community's admin may make. The other system manages communities and members with a key."""


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, **AUTH, RATE_LIMIT_LOGINS="0") as site:
        yield site


@pytest.fixture(scope="module")
def community(cast) -> str:
    """The id of the community with the external id `mirpur`, which only members see."""
    made = cast["site_admin"].put(f"{PATH}/by-ref/mirpur", json={"name": "Mirpur 10", "listed": False, "open": False})
    return made.json["id"]


def get(site: Site, path: str, text: str):
    return bare(site).get(path, headers=bearer(text))


def test_a_role_in_the_claim_gives_the_rights_of_the_same_role_of_a_member(site, community):
    for role, member, moderator in (("moderator", 200, 200), ("member", 200, 403), ("owner", 404, 404)):
        text = token("u1", communities={"mirpur": role})
        for ref in ("mirpur", community):
            assert get(site, f"{PATH}/{ref}/stats", text).status_code == member, role
            assert get(site, f"{PATH}/{ref}/visitors/online", text).status_code == moderator, role
    assert_error(get(site, f"{PATH}/nowhere/stats", token(communities={"nowhere": "admin"})), 404, "unknown_community")
    assert roles_listed(site, token("u2", communities={"mirpur": "moderator"})) == [(community, "moderator")]


def test_the_server_accepts_only_tokens_of_the_configured_public_key(sqlite_database):
    own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    pem = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims = {"sub": "u1", "iss": "https://auth.example.com", "aud": "live", "exp": int(time.time()) + 60}
    settings = {"AUTH_PUBLIC_KEY": pem, "AUTH_ISSUER": claims["iss"], "AUTH_AUDIENCE": claims["aud"]}
    with Site(sqlite_database.url, **settings) as site:
        assert get(site, PATH, jwt.encode(claims, own, "EdDSA")).status_code == 200
        assert_error(get(site, PATH, jwt.encode(claims, other, "EdDSA")), 401, "invalid_token")
        assert_error(get(site, PATH, token("u1")), 401, "invalid_token")


def roles_listed(site: Site, text: str) -> list[tuple[str, str]]:
    """Communities where the caller has a role, each with that role."""
    return [(community["id"], community["role"]) for community in get(site, PATH, text).json if community["role"]]


def test_a_claim_gives_no_role_in_a_community_without_an_external_id(site, cast, community):
    """Otherwise a claim would give roles in communities that belong to people with accounts here."""
    hidden = cast["site_admin"].post(PATH, json={"name": "Hidden", "listed": False, "open": False}).json["id"]
    text = token("u1", communities={hidden: "admin", community: "admin"})
    for named in (hidden, community, "mirpur"):
        assert_error(get(site, f"{PATH}/{named}/members", text), 404, "unknown_community")
    assert roles_listed(site, text) == []


def test_memberships_by_external_id_apply_only_to_tokens_without_the_claim(site, cast, community):
    assert_error(get(site, f"{PATH}/mirpur/stats", token("m1")), 404, "unknown_community")
    cast["site_admin"].put(f"{PATH}/mirpur/members/by-ref/m1", json={"role": "moderator", "name": "Mitu"})
    assert get(site, f"{PATH}/mirpur/visitors/online", token("m1")).status_code == 200
    assert_error(get(site, f"{PATH}/mirpur/stats", token("m1", communities={})), 404, "unknown_community")
    assert roles_listed(site, token("m1")) == [(community, "moderator")]
    assert [listed for listed in get(site, PATH, token("m1", communities={})).json if listed["id"] == community] == []
    cast["site_admin"].delete(f"{PATH}/mirpur/members/by-ref/m1")
    assert_error(get(site, f"{PATH}/mirpur/stats", token("m1")), 404, "unknown_community")


def test_a_person_is_created_once_and_has_the_name_of_the_newest_token(site, community):
    for name in (None, "Ayesha", "Ayesha K."):
        get(site, PATH, token("named", name=name))
    rows = site.rows("SELECT external_ref, external_issuer, name, email FROM users WHERE external_ref = 'named'")
    assert rows == [("named", "", "Ayesha K.", "")]


def test_every_other_call_with_an_external_token_is_refused_and_changes_nothing(site, cast, community):
    text = token("boss", communities={"mirpur": "admin"})
    get(site, PATH, text)  # creates the person
    before, answered = stored(site), {}
    for endpoint, rule in rules(site).items():
        if not endpoint.startswith("api_") or rule.websocket:
            continue
        path, method = path_of(site, cast, rule, community), method_of(rule)
        body = {} if method in CHANGING else None
        if bare(site).open(path, method=method, json=body).status_code != 401:
            continue  # needs no login
        answer = bare(site).open(path, method=method, headers=bearer(text), json=body)
        answered[endpoint] = answer.status_code, answer.json["code"] if answer.status_code == 403 else ""
    assert {endpoint for endpoint, (status, _) in answered.items() if status not in (401, 403)} == set(OPEN.split())
    assert {code for status, code in answered.values() if status == 403} == {"forbidden"}
    assert {endpoint for endpoint, (status, _) in answered.items() if status == 401} == set()
    assert stored(site) == before


def test_the_pages_accept_no_external_token(site, community):
    client = site.app.test_client()
    client.set_cookie("__Host-access_token_cookie", token("u1"), secure=True)
    client.set_cookie("access_token_cookie", token("u1"))
    assert client.get("/account", headers=bearer(token("u1"))).status_code == 303


def test_a_closed_community_counts_only_visits_with_a_token_that_gives_a_role_there(site, community):
    for number, (claimed, total) in enumerate([({}, 0), ({"mirpur": "member"}, 1), ({community: "member"}, 1)]):
        text = token("visitor", communities=claimed)
        body = {"visitorId": f"v{number}", "communityId": "mirpur"}
        answer = bare(site).post("/api/visitor/register", json=body, headers=bearer(text))
        assert (answer.status_code, answer.json["success"]) == (200, True)
        stats = get(site, f"{PATH}/mirpur/stats", token("u1", communities={"mirpur": "member"})).json
        assert stats["totalVisits"] == total


def test_a_server_without_the_settings_accepts_no_external_token(sqlite_database):
    with Site(sqlite_database.url) as site:
        assert_error(get(site, PATH, token()), 401, "invalid_token")


@pytest.mark.both_kinds
def test_a_person_without_a_name_is_named_after_the_beginning_of_the_external_id(database):
    with Site(database.url, **AUTH) as site:
        assert get(site, PATH, token("x" * 255)).status_code == 200
        assert site.rows("SELECT external_ref, name FROM users") == [("x" * 255, "x" * 200)]
