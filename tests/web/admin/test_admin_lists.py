"""Lists of the panel: what is found, what is left out, and how one goes on."""

from __future__ import annotations

import re

import pytest
from support.account_calls import sign_up
from support.admin_calls import Scene, id_of, panel
from support.community_calls import found
from support.page_calls import words

VISITS = 120
OLDER = re.compile(r'href="([^"]*before=[^"]*)"')
ORDINAL = re.compile(r'data-label="Visit">(\d+)<')


@pytest.fixture(scope="module")
def scene(site):
    return Scene(site)


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture(scope="module", autouse=True)
def visits(site, scene):
    """Of two days, one in ten in the community, of 40 people."""
    site.time.go_to("2025-12-16T12:00:00+06:00")
    for number in range(VISITS):
        if number == VISITS // 2:
            site.time.pass_(days=1)
        community = {"communityId": scene.community} if number % 10 == 0 else {}
        site.register(f"visitor{number % 40:02}", page=f"/stop/{number}", **community)


def ordinals(page):
    return [int(number) for number in ORDINAL.findall(page)]


def pages(admin, path):
    """That one and all older ones, one after the other."""
    found = [admin.get(path)]
    while older := OLDER.search(found[-1]):
        found.append(admin.get(older[1].replace("&amp;", "&")))
    return found


def all_ordinals(admin, path):
    return [number for page in pages(admin, path) for number in ordinals(page)]


def test_visits_are_gone_through_from_the_newest_to_the_first(admin):
    assert len(ordinals(admin.get("/admin/visits"))) == 50
    assert all_ordinals(admin, "/admin/visits") == list(range(VISITS, 0, -1))


def test_visits_are_filtered_on_every_page(site, admin, scene):
    assert all_ordinals(admin, "/admin/visits?first_day=2025-12-17") == list(range(120, 60, -1))
    assert all_ordinals(admin, "/admin/visits?last_day=2025-12-16") == list(range(60, 0, -1))
    assert all_ordinals(admin, "/admin/visits?first_day=2025-12-18") == []
    assert all_ordinals(admin, f"/admin/visits?community_id={scene.community}") == list(range(111, 0, -10))
    assert all_ordinals(admin, "/admin/visits?text=visitor07") == [88, 48, 8]
    assert all_ordinals(admin, "/admin/visits?text=33") == [33]
    assert len(all_ordinals(admin, "/admin/visits?place=Unknown")) == VISITS
    assert all_ordinals(admin, "/admin/visits?place=Dhaka") == []


def test_visits_that_come_meanwhile_move_no_page(site, admin):
    page = admin.get("/admin/visits?text=visitor")
    newer = site.register("visitor99").ordinal
    following = admin.get(OLDER.search(page)[1].replace("&amp;", "&"))
    assert min(ordinals(page)) - 1 == max(ordinals(following))
    assert newer in ordinals(admin.get("/admin/visits"))


def test_what_cannot_be_searched_for_is_said_at_the_field(admin, scene):
    page = admin.get("/admin/visits?first_day=2025-02-30&last_day=x&community_id=x&place=%3Cb%3E", 400)
    assert page.count("must be a day, such as 2025-12-16") == 2
    assert 'aria-describedby="community_id-error"' in page
    assert 'value="&lt;b&gt;"' in page
    admin.get("/admin/visits?first_day=2025-12-17&last_day=2025-12-16", 400)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 40, "২"])
def test_cursor_that_is_none_is_refused(admin, cursor):
    for path in ("/admin/visits", "/admin/audit"):
        assert "Start again from the first page." in admin.get(f"{path}?before={cursor}", 400)


def test_search_that_ran_out_of_time_says_how_far_it_came(admin, monkeypatch):
    monkeypatch.setattr("koyjabo.visit_log.visit_log.PATIENCE_S", 0)
    monkeypatch.setattr("koyjabo.visit_log.queries.FIRST_STRETCH", 10)
    first, *_, last = map(words, pages(admin, "/admin/visits?place=nowhere"))
    assert "Nothing found so far. Searched back to 17 Dec 2025, 12:00 . Search further" in first
    assert "Nothing found. " in last


def test_communities_and_users_are_found_by_part_of_their_names(site, admin, scene):
    for number in range(25):
        found(scene.founder, name=f"Line {number:02} 100%")
    page = admin.get("/admin/communities?query=line")
    assert "Page 1 of 2" in page
    assert "Line 19 100%" in page
    assert "Mirpur 10" not in words(page)
    second = admin.get("/admin/communities?query=line&page=2")
    assert [number for number in range(25) if f"Line {number:02}" in second] == [20, 21, 22, 23, 24]
    assert "Line 19" in admin.get("/admin/communities?query=9%20100%25")
    sign_up(site, "chandana")
    site.rows("UPDATE users SET name = 'চন্দনা' WHERE email = 'chandana@example.com'")
    assert "chandana@example.com" in admin.get("/admin/users?query=চন্দ")
    assert "chandana@example.com" in admin.get("/admin/users?query=CHANDANA@")
    assert "Nothing found." in admin.get("/admin/users?query=%25")


def test_page_of_a_list_that_is_none_is_refused(admin):
    for path in ("/admin/communities", "/admin/users"):
        admin.get(f"{path}?page=0", 400)
        admin.get(f"{path}?page=x", 400)
        assert "Nothing" in admin.get(f"{path}?page=999")


def test_user_is_shown_with_what_they_belong_to(site, admin, scene):
    page = words(admin.get(f"/admin/users/{scene.member.id}"))
    assert "Babul" in page
    assert "Mirpur 10 Member" in page
    assert "Sessions 1" in page


def test_audit_log_is_filtered_by_who_and_what(site, admin, scene):
    everything = words(admin.get("/admin/audit"))
    assert "Community created" in everything.partition("Target")[2]
    page = admin.get(f"/admin/audit?actor={id_of(site, 'rani')}")
    assert page.count('data-label="Action">') == page.count('data-label="Action">Signed up<') == 1
    assert "Nothing found." in admin.get(f"/admin/audit?actor={scene.community}")
    page = admin.get("/admin/audit?action=member.invite")
    assert page.count('data-label="Action">Person invited<') == 1
    assert "Ayesha" in words(page)
    assert "user: " not in words(page)
    assert 'data-label="Action">' not in admin.get(f"/admin/audit?action=member.invite&actor={scene.member.id}")
    assert 'data-label="Action">' not in admin.get("/admin/audit?actor=operator")
    assert 'data-label="Action">' not in admin.get("/admin/audit?action=x")


def test_audit_log_is_gone_through_by_a_cursor(site, admin, scene):
    for _ in range(60):
        assert scene.founder.patch(f"/api/communities/{scene.community}", json={"open": False}).status_code == 200
        assert scene.founder.patch(f"/api/communities/{scene.community}", json={"open": True}).status_code == 200
    path = "/admin/audit?action=community.change"
    assert [page.count('data-label="Action">') for page in pages(admin, path)] == [50, 50, 20]


def test_overview_has_the_numbers_of_the_app(site, admin):
    page = admin.get("/admin/")
    for name, value in site.stats().items():
        if name in ("totalVisits", "todayVisits", "activeUsers", "uniqueVisitors"):
            assert f'data-stat="{name}" data-value="{value}"' in page
    assert ordinals(page)[0] == site.stats()["totalVisits"]
    assert 'data-at="2025-12-17T12:00:00+06:00"' in page
    assert 'data-at="2025-12-16"' in page
