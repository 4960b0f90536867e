"""Sentences on the pages of communities."""

import pytest
from support.application.site import Site
from support.people.communities import found, invite
from support.people.page_readers import Reader, path_of, words


@pytest.fixture(scope="module")
def community(site: Site, cast) -> str:
    return cast.community(name="Night bus")


def test_the_forms_of_a_community_say_what_happened(cast, readers, community):
    closed = cast.kept_community(open=False)
    for who, path, fields, sentence in (
        ("outsider", "/communities/new", {"name": "Ferry", "listed": "on"}, "Ferry was created."),
        ("outsider", path_of(community, "/join"), {}, "You are now a member of Night bus."),
        ("outsider", path_of(community, "/leave"), {}, "You are no longer a member of Night bus."),
    ):
        send = readers[who].confirm if path.endswith("/leave") else readers[who].send
        send(path, **fields)
        assert sentence in words(readers[who].get(readers[who].location)), path
    page = readers["outsider"].send(path_of(closed, "/join"), 403)
    assert "This community is invitation only." in words(page)
    page = readers["admin"].send(path_of(community, "/members"), 422, email="nobody", role="king")
    for sentence in ("must be an email address", "must be member, moderator or admin"):
        assert sentence in words(page)


def test_a_community_says_who_may_join_it_and_see_its_numbers(site, cast, readers, community):
    public = cast.community(name="Public way", public_count=True)
    closed = cast.kept_community(open=False)
    assert "Open to everyone · Public numbers" in words(readers["admin"].get(path_of(public)))
    outside = words(Reader(site).get(path_of(closed)))
    assert "members 4 Invitation only Only members see its numbers." in outside
    closed = found(cast["admin"], open=False)["id"]
    assert "member 1 Invitation only" in words(Reader(site).get(path_of(closed)))
    listed = (
        readers["member"].get("/communities?query=Night+bus"),
        readers["outsider"].get("/communities?query=Night+bus"),
    )
    assert "Night bus Members: 4 Member" in words(listed[0])
    assert "Night bus Members: 4 Open" in words(listed[1])


def test_an_invitation_names_the_community_the_inviter_and_the_role(site, cast, community):
    path = f"/invitations/{invite(cast['admin'], community, 'salma@example.com', 'moderator')}"
    reader = Reader(site)
    assert "Admin has invited you to the community Night bus : Moderator" in words(reader.get(path))
    assert "Sign up and accept" in words(reader.get(f"/signup?next={path}"))
