"""Who is named as online on pages and in lists, and what pages say about it. Sockets are in
`live/test_members_online.py`.
"""

import json
from threading import Event, Thread

import pytest
from support.people.communities import PATH, found, invite
from support.people.page_readers import Reader, path_of, words

from koyjabo.base.models import Scope
from koyjabo.communities.live.people_rooms import PeopleRoom
from koyjabo.communities.services import CommunityServices
from koyjabo.presence import visitor_tracker
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.reports.community_people import Reports

ME = "/api/auth/me"
NOTICE = "Members now see who is online here, by name."
MAX_EVENT_BYTES = 6 * 1024


def online(site, community: str, *people) -> None:
    for person in people:
        site.services[OnlineMembers].connect(Scope(community), person.id, "tab")


def named(page: str) -> list[str]:
    """The names in the list of people online."""
    rows = page.split('id="online-list"')[1].split("</ul>")[0].split("<strong")[1:]
    return [row.split(">")[1].split("<")[0] for row in rows]


@pytest.fixture
def shown(cast):
    return cast.community(members_see_online=True)


@pytest.fixture
def hidden(cast):
    """The person `other`, who appears offline."""
    cast["other"].patch(ME, json={"appear_offline": True})
    yield cast["other"]
    cast["other"].patch(ME, json={"appear_offline": False})


def test_names_are_on_in_communities_made_on_a_page_and_off_in_all_others(site, cast, readers):
    readers["outsider"].send("/communities/new", name="Ferry", members_see_online="on")
    made = readers["outsider"].location.rpartition("/")[2]
    assert 'name="members_see_online" type="checkbox" checked' in readers["outsider"].get("/communities/new")
    assert site.rows("SELECT members_see_online FROM communities WHERE id = :id", id=made) == [(True,)]
    by_api, admin = found(cast["admin"]), cast["site_admin"]
    assert by_api["members_see_online"] is False
    path = f"{PATH}/by-ref/names"
    answers = [
        admin.put(path, json={"name": "Names", **fields}).json for fields in ({}, {"members_see_online": True}, {})
    ]
    assert [answer["members_see_online"] for answer in answers] == [False, True, True]
    changed = cast["admin"].patch(f"{PATH}/{by_api['id']}", json={"members_see_online": True})
    assert (
        changed.json["members_see_online"]
        is cast["admin"].get(f"{PATH}/{by_api['id']}").json["members_see_online"]
        is True
    )


def test_the_room_names_people_to_members_only_where_it_is_on(site, cast, readers, shown):
    off = cast.community()
    for community in (off, shown):
        online(site, community, cast["admin"])
    lists = {
        (who, community): 'id="online-list"' in readers[who].get(path_of(community))
        for who in ("member", "moderator")
        for community in (off, shown)
    }
    assert lists == {
        ("member", off): False,
        ("member", shown): True,
        ("moderator", off): True,
        ("moderator", shown): True,
    }
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=cast["outsider"].id)
    viewed = readers["outsider"].get(path_of(shown))
    refused = cast["outsider"].get(f"{PATH}/{shown}/visitors/online").status_code
    site.rows("UPDATE users SET is_viewer = false WHERE id = :id", id=cast["outsider"].id)
    assert ('id="online-list"' in viewed, refused) == (False, 403), "a viewer is no member"
    page = readers["member"].get(path_of(shown))
    assert (named(page), "/remove" in page, 'role="search"' in page) == (["Admin"], False, False)


def test_a_person_who_appears_offline_is_named_only_on_their_own_page(site, cast, readers, shown, hidden):
    online(site, shown, cast["admin"], hidden)
    for who in ("member", "moderator", "site_admin"):
        page = readers[who].get(path_of(shown))
        assert (named(page), 'data-value="2"' in page) == (["Admin"], True)
    for query in ("?query=other", "?order=name", "?part=people"):
        assert named(readers["moderator"].get(path_of(shown) + query)) == ([] if "query" in query else ["Admin"])
    page = Reader(site).log_in("other").get(path_of(shown))
    assert "Other" in named(page)
    assert page.count("appears offline") == 1
    for reader, total in (("member", "1"), ("moderator", "1"), ("other", "2")):
        answer = cast[reader].get(f"{PATH}/{shown}/visitors/online")
        assert answer.headers["X-Total-Count"] == total
        assert [one["user_id"] for one in answer.json if one.get("appears_offline")] == [hidden.id] * (
            reader == "other"
        )


def test_a_room_where_all_appear_offline_is_not_called_empty(site, readers, shown, hidden):
    online(site, shown, hidden)
    rest = readers["moderator"].get(path_of(shown)).split('id="online-rest"')[1].split("</strong>")[0]
    assert rest.endswith("Everyone who is online appears offline.")


def test_the_last_member_here_is_never_a_person_who_appears_offline(site, cast, readers, hidden):
    community = cast.community()
    for hours_ago, who in ((0, hidden), (2, cast["member"])):
        site.services[Reports].attend(community, [who.id], site.time() - 3_600_000 * hours_ago)
    assert "<bdi>Member</bdi>" in readers["moderator"].get(path_of(community)).split('id="absent"')[1].split("</p>")[0]


def test_programs_find_a_person_who_appears_offline_only_by_asking_about_them(site, cast, shown, hidden):
    online(site, shown, cast["admin"], hidden)
    people = site.services[CommunityServices].people
    assert [one.person for one in people.listed(Scope(shown))] == [cast["admin"].id]
    assert visitor_tracker.is_user_visiting(hidden.id, shown)
    assert visitor_tracker.get_user_visiting_communities(hidden.id) >= {shown}
    assert visitor_tracker.get_visitor_count(shown) == 2
    assert [one["user_id"] for one in visitor_tracker.get_visitor_list(shown)] == [cast["admin"].id]


def test_the_room_says_once_that_names_are_shown_to_members_who_joined_before(cast, readers):
    community = cast.community()
    path = path_of(community)
    cast["admin"].patch(f"{PATH}/{community}", json={"members_see_online": True})
    member = readers["member"].client
    for unseen in ({"X-Requested-With": "fetch"}, {"Sec-Purpose": "prefetch;prerender"}):
        assert NOTICE not in member.get(path, headers=unseen).text
    assert member.head(path).status_code == 200
    pages = {who: [readers[who].get(path) for _ in range(2)] for who in ("member", "moderator", "admin")}
    assert {who: [NOTICE in page for page in both] for who, both in pages.items()} == {
        "member": [True, False],
        "moderator": [True, False],
        "admin": [False, False],
    }
    assert "/account/presence" in pages["member"][0].split(NOTICE)[1].split("</div>")[0]
    cast["outsider"].post(f"{PATH}/{community}/join", json={})
    assert NOTICE not in readers["outsider"].get(path)


def test_a_person_may_appear_offline_on_their_page_without_a_password(cast, readers):
    for value in (True, False):
        readers["member"].send("/account/presence", **({"appear_offline": "on"} if value else {}))
        assert cast["member"].get(ME).json["appear_offline"] is value
    response = cast["member"].patch(ME, json={"appear_offline": True, "name": "Ayesha"})
    assert response.status_code == 400, "a name needs the password"
    assert cast["member"].get(ME).json["appear_offline"] is False


def test_people_of_other_systems_appear_offline_by_ref(site, cast, shown):
    path, admin = f"{PATH}/{shown}/members/by-ref/4711", cast["site_admin"]
    for fields, is_hidden in (
        ({}, False),
        ({"appear_offline": True}, True),
        ({}, True),
        ({"appear_offline": False}, False),
    ):
        person = admin.put(path, json={"role": "member", "name": "Rahim", **fields}).json["user_id"]
        site.services[OnlineMembers].connect(Scope(shown), person, "tab")
        assert (
            person in [one["user_id"] for one in cast["member"].get(f"{PATH}/{shown}/visitors/online").json]
        ) is not is_hidden


@pytest.mark.parametrize("is_on", [True, False])
def test_the_page_for_joining_says_who_will_see_that_a_member_is_online(site, cast, readers, is_on):
    community = cast.community(members_see_online=is_on)
    closed = cast.community(members_see_online=is_on, open=False)
    token = invite(cast["admin"], closed, cast["outsider"].email)
    for page in (readers["outsider"].get(path_of(community)), readers["outsider"].get(f"/invitations/{token}")):
        assert ("and who is online. You can appear offline." in words(page)) is is_on
        assert ("Moderators also see who is online." in words(page)) is not is_on


def test_an_event_has_at_most_fifty_people_and_six_kilobytes(site, cast, shown):
    rooms = site.services[CommunityServices].people_rooms
    name = "শ্রাবণী মজুমদার ঘোষ"
    for number in range(60):
        person = (
            cast["site_admin"]
            .put(
                f"{PATH}/{shown}/members/by-ref/p{number}",
                json={"role": "member", "name": name if number % 2 else "Rahim"},
            )
            .json
        )
        site.services[OnlineMembers].connect(Scope(shown), person["user_id"], "tab")
    source = PeopleRoom(Scope(shown), rooms)
    source.read()
    event = source.first_event().as_object()
    assert 20 < len(event["people"]) <= 50
    assert event["unnamed"] == 60 - len(event["people"])
    assert len(json.dumps(event).encode()) <= MAX_EVENT_BYTES


def test_an_early_read_of_the_people_never_replaces_a_later_one(site, cast, shown, monkeypatch):
    rooms, person, scope = site.services[CommunityServices].people_rooms, cast["other"], Scope(shown)
    online(site, shown, person)
    source, read, is_read, may_end = PeopleRoom(scope, rooms), rooms.people_of, Event(), Event()

    def stopped(of):
        people = read(of)
        if not is_read.is_set():
            is_read.set()
            may_end.wait(10)
        return people

    monkeypatch.setattr(rooms, "people_of", stopped)
    early, late = Thread(target=source.read), Thread(target=source.read)
    early.start()
    assert is_read.wait(10)
    site.services[OnlineMembers].disconnect(scope, person.id, "tab")
    late.start()
    late.join(0.3)  # it either overtakes or waits
    may_end.set()
    for thread in (early, late):
        thread.join(10)
    assert source.first_event().as_object()["people"] == []


def test_dashboards_get_an_update_when_other_people_are_named_beyond_those_in_it(site, shown):
    services = site.services[CommunityServices]
    board = services.dashboards.current(shown)
    sent = board.first_event().revision
    assert board.events_after(sent) == []
    services.people_rooms.version += 1
    (event,) = board.events_after(sent)
    assert board.events_after(event.revision) == []


def test_moderators_have_no_settings_and_find_share_links_where_they_make_them(cast, readers):
    community = cast.kept_community()
    path = path_of(community)
    readers["moderator"].get(f"{path}/settings", 403)
    assert f"{path}/settings" not in readers["moderator"].get(path)
    readers["moderator"].send(f"{path}/shares/new", 200, name="For Paul")
    assert "For Paul" in words(readers["moderator"].get(f"{path}/shares/new"))
