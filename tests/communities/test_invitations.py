"""Invitations: who may create and accept them, and when they become invalid."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.assertions.openapi import assert_described
from support.people.accounts import bare, confirm, disable, promote, sign_up
from support.people.communities import PATH, accept, found, give, invite, roles_in
from support.people.page_readers import Reader

from koyjabo.communities.services import CommunityServices

LIST = "/api/auth/invitations"
UNMAILED = {"status": "invited", "link": "", "mail": "unavailable"}
TOKEN = re.compile(r"http://localhost/invitations/[\w-]{43}")


site = site_fixture(RATE_LIMIT_LOGINS="0")


@pytest.fixture
def founder(site):
    return sign_up(site, "founder")


@pytest.fixture
def karim(site):
    return sign_up(site, "karim")


@pytest.fixture
def community(founder):
    return found(founder, name="Night bus", open=False, listed=False)["id"]


def assert_void(person, token: str) -> None:
    assert_error(accept(person, token), 404, "unknown_invitation")
    assert_error(person.post(f"/api/invitations/{token}/decline"), 404, "unknown_invitation")
    Reader(person.site).log_in(person.email.partition("@")[0]).get(f"/invitations/{token}", 404)


def test_the_response_to_an_invitation_is_the_same_for_every_email(site, founder, karim, community):
    answers = [
        founder.post(f"{PATH}/{community}/members", json={"email": email, "role": "member"})
        for email in ("karim@example.com", " KARIM@Example.com", "nobody@example.com", "founder@example.com")
    ]
    for answer in answers:
        assert_described(site, answer)
        assert (answer.status_code, {**answer.json, "link": ""}) == (202, UNMAILED)
        assert TOKEN.fullmatch(answer.json["link"])
        assert set(answer.headers.keys()) == set(answers[0].headers.keys())
    assert roles_in(site, community) == {founder.id: "admin"}
    assert_error(karim.get(f"{PATH}/{community}"), 404, "unknown_community")
    stored = [site.rows(f"SELECT * FROM {table}") for table in ("invitations", "audit_log", "outbox")]
    assert not any(answer.json["link"].rpartition("/")[2] in str(stored) for answer in answers)
    assert "karim@example.com" not in str(site.rows("SELECT details FROM audit_log"))


def test_an_invitation_link_can_be_accepted_once(site, founder, karim, community):
    token = invite(founder, community, "karim@example.com", "moderator")
    answer = accept(karim, token)
    assert_described(site, answer)
    membership = {"community_id": community, "user_id": karim.id, "role": "moderator"}
    assert (answer.status_code, answer.json) == (201, {**membership, "joined_at": "2025-12-16T04:48:38.412Z"})
    assert karim.get(f"{PATH}/{community}").json["role"] == "moderator"
    assert_void(sign_up(site, "salma"), token)
    lines = site.rows("SELECT actor_id, action FROM audit_log WHERE action LIKE 'member.%' ORDER BY id")
    assert lines == [(founder.id, "member.invite"), (karim.id, "member.accept")]


def test_an_invitation_is_invalid_after_it_is_declined_or_replaced(site, founder, karim, community):
    token = invite(founder, community, "karim@example.com")
    answer = karim.post(f"/api/invitations/{token}/decline")
    assert (answer.status_code, answer.data) == (204, b"")
    assert_void(karim, token)
    assert roles_in(site, community) == {founder.id: "admin"}
    first = invite(founder, community, "karim@example.com", "admin")
    second = invite(founder, community, "Karim@example.com", "member")
    assert_void(karim, first)
    assert accept(karim, second).json["role"] == "member"


def test_only_the_owner_of_the_confirmed_email_sees_an_invitation_in_the_list(site, founder, karim, community):
    """Mallory has signed up with an unconfirmed email that belongs to another person."""
    token = invite(founder, community, "KARIM@example.com", "moderator")
    assert karim.get(LIST).json == []
    confirm(site, "karim")
    answer = karim.get(LIST)
    assert_described(site, answer)
    offer = {"community": {"name": "Night bus"}, "invited_by": {"name": "Founder"}, "role": "moderator"}
    assert answer.json == [{"token": token, **offer}]
    assert answer.headers["X-Total-Count"] == "1"
    assert sign_up(site, "salma").get(LIST).json == []
    assert_error(bare(site).get(LIST), 401, "unauthenticated")
    assert accept(karim, token).status_code == 201
    assert karim.get(LIST).json == []


def test_an_invitation_is_valid_for_a_week(site, founder, karim, community):
    token = invite(founder, community, "karim@example.com")
    site.time.pass_(days=6, hours=23)
    karim.renew()
    assert Reader(site).log_in("karim").get(f"/invitations/{token}")
    site.time.pass_(hours=1)
    confirm(site, "karim")
    assert karim.get(LIST).json == []
    assert_void(karim, token)


def test_a_member_who_accepts_an_invitation_keeps_the_higher_role(site, founder, karim, community):
    give(founder, community, karim, "member")
    for offered, after in (("member", "member"), ("moderator", "moderator"), ("member", "moderator")):
        answer = accept(karim, invite(founder, community, "karim@example.com", offered))
        assert (answer.status_code, answer.json["role"]) == (200, after)
        assert roles_in(site, community)[karim.id] == after


def test_an_invitation_is_invalid_once_the_inviter_loses_the_permission(site, founder, karim, community):
    confirm(site, "karim")
    ends = {
        "left": lambda who: who.post(f"{PATH}/{community}/leave"),
        "lower role": lambda who: give(founder, community, who, "moderator"),
        "disabled": lambda who: disable(site, who.email),
        "no site admin any more": lambda who: promote(site, who.email, is_admin=False),
    }
    for number, (why, end) in enumerate(ends.items()):
        salma = sign_up(site, f"salma{number}")
        if why == "no site admin any more":
            promote(site, salma.email)
        else:
            give(founder, community, salma, "admin")
        token = invite(salma, community, "karim@example.com")
        assert len(karim.get(LIST).json) == 1
        end(salma)
        assert karim.get(LIST).json == [], why
        assert_void(karim, token)


def test_an_invitation_is_invalid_after_its_community_is_archived_or_its_member_removed(site, admin, founder, karim):
    community, gone = found(founder)["id"], found(founder)["id"]
    token, other = (invite(founder, scope, "karim@example.com") for scope in (community, gone))
    directory = site.services[CommunityServices].directory
    directory.archive(admin, community)
    assert_void(karim, token)
    directory.restore(admin, community)
    assert accept(karim, token).status_code == 201
    assert founder.delete(f"{PATH}/{gone}").status_code == 204
    assert_void(karim, other)
    assert site.rows("SELECT * FROM invitations") == []
    back = invite(founder, community, "karim@example.com", "admin")
    assert founder.delete(f"{PATH}/{community}/members/{karim.id}").status_code == 204
    assert_void(karim, back)


def test_only_one_of_two_people_can_accept_an_invitation_at_once(site, database, founder, community):
    people = [sign_up(site, f"person{number}") for number in range(6)]
    with Site(database.url) as other:
        for one, two in zip(people[::2], people[1::2], strict=True):
            two.site = other
            token = invite(founder, community, "karim@example.com")
            with ThreadPoolExecutor(2) as threads:
                answers = list(threads.map(accept, (one, two), (token, token)))
            statuses = [answer.status_code for answer in answers]
            assert sorted(statuses) == [201, 404]
    assert len(roles_in(site, community)) == 4


# Pages


def test_a_new_user_signs_up_with_an_invitation_and_joins_in_one_step(site, founder, community):
    path = f"/invitations/{invite(founder, community, 'salma@example.com', 'moderator')}"
    reader, other = Reader(site), Reader(site)
    assert f'href="/signup?next={path}#email=salma@example.com"' in reader.get(path)
    form = {"name": "Salma", "email": "salma@example.com", "password": "tram at dawn"}
    reader.send(f"/signup?next={path}", **form)
    assert sorted(roles_in(site, community).values()) == ["admin", "moderator"]
    other.send(f"/signup?next={path}", **{**form, "email": "karim@example.com"})
    assert other.location == path, "the link works once, and its page says so"


def test_an_admin_sees_pending_invitations_and_revokes_them(site, founder, community, karim):
    token = invite(founder, community, "karim@example.com", "moderator")
    reader = Reader(site).log_in("founder")
    page = reader.get(f"/communities/{community}/members")
    link = f"http://localhost/invitations/{token}"
    assert f'<code translate="no">{link}</code>' in page
    assert f'href="{link}"' not in page  # it would be opened with the founder's login
    action = re.search(r'action="([^"]+/withdraw)"', page)
    Reader(site).log_in("karim").send(action[1], 404)
    reader.send(action[1])
    assert_void(karim, token)
    reader.send(action[1], 404)
