"""Community and member pages without scripts: founding, joining, inviting, roles, leaving and deleting."""

import re
import subprocess

import pytest
from support.people.communities import roles_in
from support.people.page_readers import Reader, path_of, words
from support.programs.installed import program
from support.programs.processes import ROOT

from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import OnlineMembers


def test_stranger_reads_who_may_see_the_numbers_of_a_listed_community(site, cast):
    """Unlisted and unknown communities redirect to the same login."""
    public, closed = cast.community(public_count=True), cast.community(open=False)
    stranger = Reader(site)
    page = stranger.get(path_of(public))
    assert "Only members see its numbers." not in words(page)
    assert f'data-login href="/login?next={path_of(public)}"' in page  # open pages look for it (inside.js)
    page = words(stranger.get(path_of(closed)))
    assert "Mirpur 10 members 4 Invitation only Only members see its numbers. Ask an admin" in page
    assert "online" not in page
    hidden = (cast.community(listed=False, public_count=True), "0e4f2d4e-7a55-4d6c-b0d5-4f0f5c1d2e11")
    answers = [stranger.client.get(path_of(community)) for community in hidden]
    assert [(answer.status_code, answer.headers["Location"].partition("?")[0]) for answer in answers] == [
        (303, "/login")
    ] * 2


def test_list_shows_online_counts_only_to_members(site, readers, cast):
    """It also explains to strangers what communities are."""
    cast.community(name="Listed way")
    cast.community(name="Hidden way", listed=False)
    page = Reader(site).get("/communities?per_page=100")
    assert "A community is for people who share a route" in words(page)
    assert 'href="/login?next=/communities"' in page
    assert 'href="/signup?next=/communities"' in page
    assert "Listed way Open" in words(page)
    assert "Hidden way" not in page
    inside = words(readers["member"].get("/communities?per_page=100"))
    assert "Listed way Member Members: 4 0 online" in inside
    assert "Hidden way Member Members: 4 0 online" in inside
    outside = words(readers["outsider"].get("/communities?query=Listed+way"))
    assert "Listed way Open Members: 4" in outside
    assert "online" not in outside
    assert "Hidden way" not in words(readers["outsider"].get("/communities?per_page=100"))
    assert "Hidden way Admin" in words(readers["site_admin"].get("/communities?per_page=100"))


def test_list_begins_with_ones_own_communities_and_then_the_busiest(site, readers, cast):
    """It can be searched from 12 communities on."""
    own, _, busy = (cast.community(name=f"{name} line", public_count=True) for name in ("Own", "Quiet", "Busy"))
    for community, people in ((own, 1), (busy, 3)):
        for person in range(people):
            site.services[OnlineMembers].connect(Scope(community), f"person {person}", f"tab {person}")
    readers["outsider"].send(path_of(own, "/join"))
    page = readers["outsider"].get("/communities?per_page=100")
    shown = re.findall(r"<bdi>(Own|Quiet|Busy) line", page)
    assert shown == ["Own", "Busy", "Quiet"]
    count = page.count('<li class="card">')
    for number in range(11 - count):
        cast.community(name=f"Line {number}")
    assert ('role="search"' in readers["outsider"].get("/communities")) == (count > 11)
    cast.community(name="Line 12")
    assert 'role="search"' in readers["outsider"].get("/communities")


def test_join_and_leave(site, readers, cast):
    community, reader = cast.community(), readers["outsider"]
    reader.send(path_of(community, "/join"))
    assert "You are now a member of Mirpur 10." in words(reader.get(reader.location))
    assert roles_in(site, community)[cast["outsider"].id] == "member"
    reader.confirm(path_of(community, "/leave"))
    assert "You are no longer a member of Mirpur 10." in words(reader.get(reader.location))
    assert cast["outsider"].id not in roles_in(site, community)


def test_page_says_why_a_person_cannot_join(site, readers, cast):
    closed, hidden = cast.kept_community(open=False), cast.kept_community(open=False, listed=False)
    page = readers["outsider"].send(path_of(closed, "/join"), 403)
    assert "This community is invitation only." in words(page)
    assert "Mirpur 10" in words(page)
    shown = words(readers["outsider"].get(path_of(closed)))
    assert ("Invitation only" in shown, "Join" in shown) == (True, False)
    readers["outsider"].send(path_of(hidden, "/join"), 404)
    readers["outsider"].get(path_of(hidden), 404)


def test_public_room_shows_a_stranger_numbers_and_the_day_without_names(site, readers, cast):
    community = cast.community(public_count=True)
    site.register("a", communityId=community)
    readers["admin"].get(path_of(community))
    for who in (Reader(site), readers["outsider"]):
        page = who.get(path_of(community))
        for shown in ("online 0 visits today 1", "Today by hour", "All visits 1 Unique visitors 1"):
            assert shown in words(page)
        for hidden in ("Most at once", "Who is online", "/members", "data-counts"):
            assert hidden not in page


def test_only_members_are_counted_and_can_leave(readers, cast):
    """The page's script registers a visit if the page has `data-counts`."""
    community = cast.kept_community()
    for who, is_member in (("member", True), ("site_admin", False)):
        page = readers[who].get(path_of(community))
        actions = [path_of(community, action) for action in ("/join", "/leave") if path_of(community, action) in page]
        assert ("data-counts" in page, actions) == (is_member, [path_of(community, "/leave" if is_member else "/join")])


@pytest.mark.long(
    proved_by="communities/live/test_community_counts.py::test_first_count_includes_the_new_member_who_gets_no_other_event"
)
def test_commands_of_the_guides_work(new_server, sqlite_database):
    """Uses a shorter grace period than the default, and more time between two commands for a busy machine."""
    program("curl", "install it")
    server = new_server(sqlite_database, LEAVE_GRACE_SECONDS=1).start()
    guides = "".join((ROOT / "docs" / name).read_text() for name in ("accounts.md", "communities.md"))
    commands = re.findall(r"```sh\n(.*?)```", guides, re.DOTALL)
    script = "\n".join(["set -euo pipefail", *commands]).replace("localhost:8000", f"localhost:{server.port}")
    script = script.replace("& sleep 1;", "& sleep 3;")
    done = subprocess.run(  # not all WebSocket frames are text
        ["bash", "-c", script], capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ayesha@example.com" in done.stdout
    assert '"error"' not in done.stdout
    counts = re.findall(r'"type":"(visitor_\w+)"[^}]*?"count":(\d)', done.stdout)
    assert {("visitor_count", "1"), ("visitor_joined", "2"), ("visitor_left", "1")} <= set(counts), done.stdout
