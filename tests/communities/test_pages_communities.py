"""Community and member pages without scripts: founding, joining, inviting, roles, leaving and deleting."""

import re
import subprocess

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from support.application.site import assert_error
from support.people.communities import PATH, found
from support.people.page_readers import Reader, path_of, words
from support.programs.installed import program
from support.programs.processes import ROOT

from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.reports.community_people import Reports

NAME, BANGLA = "Mirpur 10 commuters", "মিরপুর ১০-এর যাত্রী"


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


def test_the_header_and_footer_link_the_communities_while_one_is_listed(site, cast):
    stranger, links = Reader(site), 'href="/communities"'
    cast.kept_community()
    counts = []
    for change in ("SET archived_ms = 1 WHERE archived_ms IS NULL", "SET archived_ms = NULL WHERE archived_ms = 1"):
        site.rows(f"UPDATE communities {change}")
        site.services[CommunityServices].directory.refresh_listed()
        counts.append(stranger.get("/").count(links))
    assert counts == [0, 2]


def test_a_founder_is_online_on_the_first_page_of_the_community(readers):
    readers["outsider"].send("/communities/new", name="Ferry")
    path = readers["outsider"].location
    pages = [readers["outsider"].get(path) for _ in range(2)]
    assert re.search(r"since <time datetime=[^>]*>\d\d:\d\d</time>", pages[0])
    assert [page.count("data-person=") for page in pages] == [1, 0]  # this reader opens no socket


def test_the_header_of_a_page_reads_nothing_from_the_database(site):
    statements: list[str] = []

    def record(connection, cursor, statement, *_):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    Reader(site).get("/docs/")
    event.remove(Engine, "before_cursor_execute", record)
    assert statements == []


def test_the_page_of_a_closed_community_refuses_to_join_and_shows_no_button(site, readers, cast):
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


def test_the_page_of_an_empty_community_names_the_last_member_only_to_moderators(site, readers, cast):
    community = cast.community(public_count=True)
    for hours_ago, who in ((0, "member"), (25, "admin")):
        site.services[Reports].attend(community, [cast[who].id], site.time() - 3_600_000 * hours_ago)
    pages = {who: readers[who].get(path_of(community)) for who in ("moderator", "member", "outsider")}
    absent = {who: page.split('id="absent"')[1].split("</p>")[0] for who, page in pages.items()}
    assert {who: "<bdi>Member</bdi>" in text for who, text in absent.items()} == {
        "moderator": True,
        "member": False,
        "outsider": False,
    }


def test_a_member_who_sees_no_names_reads_why(readers, cast):
    community = cast.kept_community()
    shown = {who: 'class="unnamed' in readers[who].get(path_of(community)) for who in ("member", "moderator")}
    assert shown == {"member": True, "moderator": False}


def test_a_communitys_page_counts_and_offers_to_leave_only_for_members(readers, cast):
    """The page's script registers a visit if the page has `data-counts`."""
    community = cast.kept_community()
    for who, is_member in (("member", True), ("site_admin", False)):
        page = readers[who].get(path_of(community))
        actions = [path_of(community, action) for action in ("/join", "/leave") if path_of(community, action) in page]
        assert ("data-counts" in page, actions) == (is_member, [path_of(community, "/leave" if is_member else "/join")])


@pytest.fixture(scope="module")
def named(cast):
    return found(cast["admin"], name=NAME, nameBn=f" {BANGLA} ", public_count=True)["id"]


@pytest.fixture(scope="module")
def reader(site, cast):
    """An admin who reads pages in Bangla."""
    return Reader(site, "bn").log_in("admin")


def test_the_bangla_name_is_optional_and_follows_the_rules_of_names(cast):
    admin = cast["admin"]
    community = found(admin, name=NAME)
    assert "nameBn" not in community
    path = f"{PATH}/{community['id']}"
    assert admin.patch(path, json={"nameBn": BANGLA}).json["nameBn"] == BANGLA
    assert admin.patch(path, json={"nameBn": None, "name": "Mirpur"}).json["nameBn"] == BANGLA
    for refused in ("x" * 201, "\u200b"):
        assert_error(admin.patch(path, json={"nameBn": refused}), 400, "invalid_input", "nameBn")
    assert "nameBn" not in admin.patch(path, json={"nameBn": ""}).json


def test_bangla_pages_of_a_community_show_its_bangla_name(site, named, reader):
    english = Reader(site).log_in("admin")
    for page in ("", "/reports", "/settings"):
        assert f"<h1><bdi>{BANGLA}</bdi></h1>" in reader.get(path_of(named, page))
        assert f"<h1><bdi>{NAME}</bdi></h1>" in english.get(path_of(named, page))


def test_lists_search_both_names_of_a_community_and_show_one(site, named, reader):
    site.services[OnlineMembers].connect(Scope(named), "person", "tab")
    for query in ("commuters", "যাত্রী"):
        page = words(reader.get(f"/communities?query={query}"))
        assert BANGLA in page
        assert NAME not in page
    assert NAME in words(Reader(site).get("/communities?query=যাত্রী"))
    panel = Reader(site, "bn").log_in("site_admin")
    assert BANGLA in words(panel.get("/admin/communities?query=যাত্রী"))
    assert BANGLA in panel.get("/admin/search?q=commuters")


def test_reports_and_visits_in_bangla_show_the_bangla_name_of_a_community(site, named):
    visitor = "00000000-0000-4000-8000-000000000001"
    visit = site.register(visitor, page=f"/communities/{named}/map", communityId=named)
    panel, english = (Reader(site, language).log_in("site_admin") for language in ("bn", "en"))
    for path in ("/admin/visits", f"/admin/visits/{visit.ordinal}"):
        assert f"কমিউনিটি {BANGLA}/map" in words(panel.get(path)), path
        assert f"Community {NAME}/map" in words(english.get(path)), path
    for query in ("by=page", "by=community"):
        assert BANGLA in panel.get(f"/admin/?{query}")
        assert NAME in english.get(f"/admin/?{query}")


@pytest.mark.long(
    proved_by="communities/live/test_community_counts.py::test_the_first_count_includes_the_new_member_who_gets_no_event_about_joining"
)
def test_the_commands_of_the_guides_to_accounts_and_communities_work(new_server, sqlite_database):
    program("curl", "install it")
    server = new_server(sqlite_database).start()
    guides = "".join((ROOT / "docs" / name).read_text() for name in ("accounts.md", "communities.md"))
    commands = re.findall(r"```sh\n(.*?)```", guides, re.DOTALL)
    script = "\n".join(["set -euo pipefail", *commands]).replace("localhost:8000", f"localhost:{server.port}")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ayesha@example.com" in done.stdout
    assert '"error"' not in done.stdout
