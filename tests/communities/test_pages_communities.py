"""Community and member pages without scripts: founding, joining, inviting, roles, leaving and deleting."""

import re
import subprocess

import pytest
from support.people.page_readers import Reader, path_of, words
from support.programs.installed import program
from support.programs.processes import ROOT


def test_a_stranger_sees_listed_communities_and_is_sent_to_the_login_for_hidden_ones(site, cast):
    """Unlisted and unknown communities redirect to the same login."""
    public, closed = cast.community(public_count=True), cast.community(open=False)
    stranger = Reader(site)
    page = stranger.get(path_of(public))
    assert f'data-login href="/login?next={path_of(public)}"' in page  # open pages look for it (inside.js)
    assert "online" not in words(stranger.get(path_of(closed)))
    hidden = (cast.community(listed=False, public_count=True), "0e4f2d4e-7a55-4d6c-b0d5-4f0f5c1d2e11")
    answers = [stranger.client.get(path_of(community)) for community in hidden]
    assert [(answer.status_code, answer.headers["Location"].partition("?")[0]) for answer in answers] == [
        (303, "/login")
    ] * 2


def test_the_page_of_a_closed_community_refuses_a_join_and_offers_none(site, readers, cast):
    closed, hidden = cast.kept_community(open=False), cast.kept_community(open=False, listed=False)
    page = readers["outsider"].send(path_of(closed, "/join"), 403)
    assert "Mirpur 10" in words(page)
    assert path_of(closed, "/join") not in readers["outsider"].get(path_of(closed))
    readers["outsider"].send(path_of(hidden, "/join"), 404)
    readers["outsider"].get(path_of(hidden), 404)


def test_a_community_with_public_numbers_shows_a_stranger_its_numbers_without_names(site, readers, cast):
    community = cast.community(public_count=True)
    site.register("a", communityId=community)
    readers["admin"].get(path_of(community))
    for who in (Reader(site), readers["outsider"]):
        page = who.get(path_of(community))
        for shown in ("online 0 visits today 1", "Today by hour", "All visits 1 Unique visitors 1"):
            assert shown in words(page)
        for hidden in ("Most at once", "Who is online", "/members", "data-counts"):
            assert hidden not in page


def test_a_communitys_page_counts_and_offers_to_leave_only_for_members(readers, cast):
    """The page's script registers a visit if the page has `data-counts`."""
    community = cast.kept_community()
    for who, is_member in (("member", True), ("site_admin", False)):
        page = readers[who].get(path_of(community))
        actions = [path_of(community, action) for action in ("/join", "/leave") if path_of(community, action) in page]
        assert ("data-counts" in page, actions) == (is_member, [path_of(community, "/leave" if is_member else "/join")])


@pytest.mark.long(
    proved_by="communities/live/test_community_counts.py::test_the_first_count_includes_the_new_member_who_gets_no_event_about_joining"
)
def test_the_commands_of_the_guides_to_accounts_and_communities_work(new_server, sqlite_database):
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
