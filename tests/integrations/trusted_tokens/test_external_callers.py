"""Users of another system call and open sockets with its tokens: they have roles in communities, but no account."""

import time
from urllib.parse import quote

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from other_system import AUTH, SHARED, token
from support.application.site import Site, assert_error, site_fixture
from support.clients.event_source import StreamListener
from support.clients.members import Member, PlainMember, SocketioMember, code_for
from support.clients.websocket import WebSocket
from support.people.accounts import bare, bearer
from support.people.communities import PATH
from support.people.routes import CHANGING, method_of, path_of, rules, stored
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

OPEN = """
api_communities.list_communities api_communities.get_community api_communities.list_members
api_communities.community_stats api_community_reports.visitors api_community_reports.visitors_today
api_community_reports.visitors_weekly api_community_reports.visitors_monthly api_community_reports.visitors_growth
api_community_reports.visitors_trends api_communities.realtime api_community_refs.online
api_communities.who_is_online api_sockets.community_stream
api_reports.community_report_summary api_reports.community_report_timeline api_reports.community_report_breakdown
"""
"""Calls that a community's admin may make. The other system manages communities and members with a key."""


site = site_fixture(is_shared=True, RATE_LIMIT_LOGINS="0", **AUTH)

REF = "mirpur"
DIRECTORY = "samlp|corp|CN=Ayesha Rahman/OU=A,B"
LONGEST = "".join(map(chr, range(ord(" "), ord("~") + 1))).ljust(255, "~")
OTHERS = ["xS+SZ0/Q==", "a%2Fb", "%", "../x", "a//b", "/", "?q#f", LONGEST]
NO_CREDENTIALS, INVALID, FORBIDDEN, EXPIRED = 4001, 4002, 4003, 4004


@pytest.fixture(scope="module")
def community(cast) -> str:
    """The id of the community with the external id `mirpur`, which only members see."""
    made = cast["site_admin"].put(f"{PATH}/by-ref/mirpur", json={"name": "Mirpur 10", "listed": False, "open": False})
    return made.json["id"]


def get(site: Site, path: str, text: str):
    return bare(site).get(path, headers=bearer(text))


def test_a_role_in_the_claim_gives_the_rights_of_a_member_with_that_role(site, community):
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
    with Site(sqlite_database.url) as site:
        assert_error(get(site, PATH, token()), 401, "invalid_token")


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
    query, ref = "SELECT external_issuer, name, email FROM users WHERE external_ref = :ref", "x" * 255
    for name, shown in ((None, "x" * 200), ("Ayesha", "Ayesha"), ("Ayesha K.", "Ayesha K.")):
        get(site, PATH, token(ref, name=name))
        assert site.rows(query, ref=ref) == [("", shown, "")]


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


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, **AUTH, LEAVE_GRACE_SECONDS=0).start()


@pytest.fixture(scope="module")
def admin(server) -> Member:
    admin = Member(server)
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    admin.call("PUT", f"/api/communities/by-ref/{REF}", {"name": "Mirpur 10", "listed": False, "open": False})
    return admin


def member(user: str = "u1", role: str = "member", **claims) -> str:
    return token(user, communities={REF: role}, **claims)


def online(admin: Member) -> int:
    return admin.call("GET", f"/api/communities/{REF}/visitors/realtime")["current_online"]


def test_a_person_is_online_once_with_all_kinds_of_sockets(server, admin):
    """The token is sent in the address, in the sub-protocol, in a header, and in Socket.IO's auth."""
    query = f"/ws/communities/{REF}/visitors/?token={member()}"
    with (
        WebSocket(server.port, path=query) as first,
        PlainMember(server.port, REF, subprotocols=["Authorization", member()]) as second,
        SocketioMember(server.port, REF, member()) as third,
        StreamListener(server.port, f"/api/communities/{REF}/stream", member()) as fourth,
        PlainMember(server.port, REF, member("u2")) as other,
    ):
        assert first.event()["count"] == third.joined["count"] == 1
        for client in (second, fourth):
            assert client.next_of_type("visitor_count")["count"] == 1
        assert other.next_of_type("visitor_count")["count"] == 2
        assert online(admin) == 2
        people = admin.call("GET", f"/api/communities/{REF}/visitors/online")
        assert {person["name"]: person["tabs"] for person in people} == {"u1": 4, "u2": 1}
    wait_until(lambda: online(admin) == 0, "both have left")


def test_a_refused_external_token_gets_the_code_of_a_refused_session_token(server, admin):
    for text, code in (
        (member(secret=SHARED[::-1]), INVALID),
        (member(exp=int(time.time()) - 60), EXPIRED),
        (member(role="owner"), FORBIDDEN),
    ):
        with PlainMember(server.port, REF, text) as plain, SocketioMember(server.port, REF, text) as socketio:
            assert (plain.wait_for_code(), socketio.joined["code"]) == (code, code)


def test_an_external_token_opens_dashboards_to_moderators_but_never_the_panel(server, admin):
    path = f"/ws/communities/{REF}/visitor-dashboard/"
    with PlainMember(server.port, REF, member(), "visitor-dashboard/") as refused:
        assert refused.wait_for_code() == FORBIDDEN
    with WebSocket(server.port, path=f"{path}?token={member(role='moderator')}") as dashboard:
        assert dashboard.event()["type"] == "dashboard_update"
    with WebSocket(server.port, path=f"/ws/admin/?token={member(role='admin')}") as panel:
        assert panel.close_frame().code in (INVALID, FORBIDDEN)


def test_a_role_from_a_token_lasts_until_the_socket_closes_or_is_disconnected(server, admin):
    by_ref = f"/api/communities/by-ref/{REF}"
    admin.call("PUT", by_ref, {"name": "Mirpur 10", "public_count": True})
    old = member("gone", exp=int(time.time()) - 24)  # valid for 6 s more, because clocks may differ
    with PlainMember(server.port, REF, old) as socket, PlainMember(server.port, REF) as stranger:
        socket.next_of_type("visitor_count")
        stranger.next_of_type("visitor_count")
        wait_until(lambda: code_for(server.port, REF, old) == EXPIRED, "the token has expired", every_s=0.5)
        admin.call("PUT", by_ref, {"name": "Mirpur 10", "public_count": False})  # checks all who are online
        assert stranger.wait_for_code() == NO_CREDENTIALS
        socket.ask("ping", "pong")
        admin.call("POST", f"/api/communities/{REF}/disconnect", {"userRef": "gone"})
        assert socket.wait_for_code() == FORBIDDEN


def test_the_end_of_a_membership_by_external_id_closes_the_socket(server, admin):
    path = f"/api/communities/{REF}/members/by-ref/m1"
    admin.call("PUT", path, {"role": "member", "name": "Mitu"})
    with PlainMember(server.port, REF, token("m1")) as socket, PlainMember(server.port, REF, member("m1")) as by_claim:
        socket.next_of_type("visitor_count")
        by_claim.next_of_type("visitor_count")
        admin.call("DELETE", path)
        assert (socket.wait_for_code(), by_claim.wait_for_code()) == (FORBIDDEN, FORBIDDEN)


def test_a_list_without_a_member_closes_the_socket_that_a_claim_has_opened(server, admin):
    members = f"/api/communities/{REF}/members"
    admin.call("PUT", f"{members}/by-ref/m2", {"role": "member", "name": "Mitu"})
    with PlainMember(server.port, REF, member("m2")) as socket:
        socket.next_of_type("visitor_count")
        headers = {**admin.bearer, "If-Match": "*"}
        answer = requests.put(f"{server.url}{members}", json={"members": []}, headers=headers, timeout=PATIENCE_S)
        assert (answer.json()["removed"], socket.wait_for_code()) == (1, FORBIDDEN)


def community_of(admin: Member, ref: str) -> str:
    body = {"name": "Mirpur 10", "listed": False, "public_count": True}
    return admin.call("PUT", f"/api/communities/by-ref/{quote(ref, safe='')}", body)["id"]


@pytest.mark.parametrize("ref", [DIRECTORY, *(pytest.param(ref, marks=pytest.mark.long) for ref in OTHERS)])
def test_every_call_accepts_any_external_id_of_a_person_and_of_a_community(server, admin, ref):
    named = quote(ref, safe="")
    own_id, here = community_of(admin, ref), f"/api/communities/{named}"
    assert admin.call("GET", here)["ref"] == ref
    person = f"{here}/members/by-ref/{named}"
    assert admin.call("PUT", person, {"role": "member", "name": "Ayesha"})["ref"] == ref
    assert [member["ref"] for member in admin.call("GET", f"{here}/members")] == [ref]
    with (
        PlainMember(server.port, named, token(ref)) as plain,
        SocketioMember(server.port, ref, token(ref)) as socketio,
        StreamListener(server.port, f"{here}/stream", token(ref, communities={ref: "moderator"})) as stream,
    ):
        assert socketio.joined["count"] == stream.next_of_type("visitor_count")["count"] == 1
        asked = quote(f"{named},{own_id}")
        assert admin.call("GET", f"/api/communities/online?ids={asked}") == {"online": {ref: 1, own_id: 1}}
        admin.call("POST", f"{here}/disconnect", {"userRef": ref})
        assert plain.wait_for_code() == FORBIDDEN
    visit = admin.call("POST", "/api/visitor/register", {"visitorId": "v1", "communityId": ref})
    assert not visit["visit"]["duplicate"]
    badge = requests.get(
        f"http://127.0.0.1:{server.port}/badge.svg", {"value": "online", "community": ref}, timeout=PATIENCE_S
    )
    assert "online now: 0" in badge.text
    admin.call("DELETE", person, status=204)
    assert admin.call("GET", f"{here}/members") == []
    assert code_for(server.port, named, token(ref)) is None, "a watcher, because the numbers are public"


def test_two_different_external_ids_are_two_communities_and_two_people(server, admin):
    refs = ["a/b", "a%2Fb", "a%2fb", "a%252Fb", "a:b", "a|b", "a b", "a+b", "A/b"]
    assert len({community_of(admin, ref) for ref in refs}) == len(refs)
    people = [f"/api/communities/a%7Cb/members/by-ref/{quote(ref, safe='')}" for ref in refs]
    members = [admin.call("PUT", person, {"role": "member", "name": "Ayesha"}) for person in people]
    assert len({member["user_id"] for member in members}) == len(refs)


@pytest.mark.parametrize("ref", [".", "..", "%2E%2E"])
def test_an_external_id_that_clients_remove_from_paths_is_refused(server, admin, ref):
    members = "/api/communities/dots/members"
    community_of(admin, "dots")
    body = {"members": [{"ref": ref.replace("%2E", "."), "role": "member", "name": "Ayesha"}]}
    refused = admin.call("PUT", members, body, status=400)
    assert refused["details"] == {"members.0.ref": "must not be online, by-ref, . or .., which paths already use"}
