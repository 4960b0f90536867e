"""The panel's lists: searching, hidden columns and paging."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.admins import ExampleCommunity, panel
from support.people.communities import found
from support.people.page_readers import words

VISITS = 120
OLDER = re.compile(r'rel="next" href="([^"]*before=[^"]*)"')
ORDINAL = re.compile(r'href="/admin/visits/(\d+)" data-row')
ENTRY = re.compile(r'<td class="head what">(.*?)<td class="time', re.DOTALL)


@pytest.fixture(scope="module")
def example(site):
    """A site with more communities than fit on a page."""
    example = ExampleCommunity(site)
    site.time.pass_(seconds=1)
    for number in range(25):
        found(example.founder, name=f"Line {number:02} 100%")
    return example


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture(scope="module", autouse=True)
def visits(site, example):
    """Visits of 40 people on two days, one in ten in the community."""
    site.time.go_to("2025-12-16T12:00:00+06:00")
    for number in range(VISITS):
        if number == VISITS // 2:
            site.time.pass_(days=1)
        community = {"communityId": example.community} if number % 10 == 0 else {}
        site.register(f"visitor{number % 40:02}", page=f"/stop/{number}", **community)


@pytest.fixture
def other(sqlite_database):
    """A site whose visits and audit log a test may change."""
    with Site(sqlite_database.url) as site:
        site.time.go_to("2025-12-17T12:00:00+06:00")
        yield site


def ordinals(page):
    return [int(number) for number in ORDINAL.findall(page)]


def pages(admin, path):
    """This page and all older ones, in order."""
    texts = [admin.get(path)]
    while OLDER.search(texts[-1]):
        texts.append(follow(admin, OLDER, texts[-1]))
    return texts


def follow(admin, link, page):
    return admin.get(unescape(link.search(page)[1]))


def all_ordinals(admin, path):
    return [number for page in pages(admin, path) for number in ordinals(page)]


def test_visits_are_gone_through_from_the_newest_to_the_first(admin):
    assert len(ordinals(admin.get("/admin/visits"))) == 50
    assert all_ordinals(admin, "/admin/visits") == list(range(VISITS, 0, -1))


def test_visits_are_filtered_on_every_page(site, admin, example):
    assert all_ordinals(admin, "/admin/visits?first_day=2025-12-17") == list(range(120, 60, -1))
    assert all_ordinals(admin, "/admin/visits?last_day=2025-12-16") == list(range(60, 0, -1))
    assert all_ordinals(admin, "/admin/visits?first_day=2025-12-18") == []
    assert all_ordinals(admin, f"/admin/visits?community_id={example.community}") == list(range(111, 0, -10))
    assert all_ordinals(admin, "/admin/visits?text=visitor07") == [88, 48, 8]
    assert all_ordinals(admin, "/admin/visits?text=33") == [33]
    assert len(all_ordinals(admin, "/admin/visits?place=Unknown")) == VISITS
    assert all_ordinals(admin, "/admin/visits?place=Dhaka") == []
    assert all_ordinals(admin, "/admin/visits?text=stop/3") == [40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 4]


def test_visits_are_sorted_only_by_number_and_other_columns_say_why(admin):
    page = admin.get("/admin/visits?page=%2Fstop%2F3&before=99")
    assert 'aria-sort="descending"><a href="/admin/visits?page=%2Fstop%2F3&amp;sort=number">Visit' in page
    first = admin.get("/admin/visits?sort=number")
    assert ordinals(first) == list(range(1, 51))
    second = follow(admin, re.compile(r'rel="next" href="([^"]*)">Newer<'), first)
    assert ordinals(second) == list(range(51, 101))
    assert ordinals(follow(admin, re.compile(r'rel="prev" href="([^"]*)">Older<'), second)) == list(range(1, 51))
    assert "Searched" not in words(first)


def test_filter_that_visits_do_not_have_is_refused_by_name(admin):
    page = admin.get("/admin/visits?country=BD&text=33", 400)
    assert "country: is not a filter of visits" in words(page)
    assert ordinals(page) == []


def test_results_and_filters_are_shown_and_every_filter_can_be_removed(admin, example):
    page = admin.get("/admin/visits?text=stop/3&first_day=2025-12-16&last_day=2025-12-16&who=people&before=999")
    text = words(page)
    for part in ("11 visits", "“stop/3”", "From 16 Dec 2025", "To 16 Dec 2025", "Traffic: People", "Clear"):
        assert part in text
    assert 'href="/admin/visits?text=stop%2F3&amp;first_day=2025-12-16&amp;last_day=2025-12-16" aria-label=' in page
    assert "Community: Mirpur 10" in words(admin.get(f"/admin/visits?community_id={example.community}"))
    today = admin.get("/admin/visits")
    assert 'first_day=2025-12-17&amp;last_day=2025-12-17">Today</a>' in today
    assert 'aria-current="true">All days</a>' in today


def test_visit_has_an_address_with_all_that_is_known(site, admin, example):
    page = words(admin.get("/admin/visits/11"))
    for part in ("Visit no. 11", "16 Dec 2025, 12:00:00 (Asia/Dhaka)", "/stop/10", "visitor10", "Mirpur 10", "Direct"):
        assert part in page
    assert "Campaign" not in page
    site.rows("UPDATE visits SET language = 'bn', campaign = 'utm_source=mail&utm_campaign=Eid' WHERE ordinal = 12")
    page = words(admin.get("/admin/visits/12"))
    assert "LanguageBangla" in page.replace(" ", "")
    assert "mail · Eid" in page
    for unknown in ("0", "999999", "9" * 40):
        admin.get(f"/admin/visits/{unknown}", 404)


def test_visit_that_waited_says_when_it_was_opened_and_when_it_was_counted(other):
    """A device can claim any time without doing harm."""
    site, admin, now_ms = other, panel(other), other.time.ms
    waited = site.register("tunnel", waitedMs=3_120_000, timestamp=now_ms - 10 * 365 * 86_400_000).ordinal
    at_once = site.register("road", waitedMs=50_000, timestamp=now_ms - 50_000).ordinal
    wrong = site.register("wrong", timestamp=now_ms - 3_120_000).ordinal
    claims = [site.register(f"claim{claim}", timestamp=claim).ordinal for claim in (2**63 - 1, -(2**63) + 1, 0)]
    page = words(admin.get(f"/admin/visits/{waited}"))
    assert re.search(
        r"Opened 17 Dec 2025, 11:08:00 \(Asia/Dhaka\) A visit made offline.* Counted 17 Dec 2025, 12:00", page
    )
    assert "Device clock 20 Dec 2015, 12:00" in page
    page = words(admin.get(f"/admin/visits/{wrong}"))
    assert "Opened" not in page
    assert "Device clock 17 Dec 2025, 11:08:00" in page
    page = words(admin.get(f"/admin/visits/{at_once}"))
    assert "Opened" not in page
    assert "Device clock" not in page, "it agrees"
    for ordinal in claims:
        assert "Device clock" not in words(admin.get(f"/admin/visits/{ordinal}"))
    assert words(admin.get("/admin/visits")).count("Opened 17 Dec 2025, 11:08") == 1


def test_search_that_ran_out_of_time_says_how_far_it_came(admin, monkeypatch):
    monkeypatch.setattr("koyjabo.reports.visits.visit_list.SEARCH_LIMIT_S", 0)
    monkeypatch.setattr("koyjabo.reports.visits.queries.FIRST_STRETCH", 10)
    first, *_, last = map(words, pages(admin, "/admin/visits?place=nowhere"))
    assert "Nothing found yet. Searched back to 17 Dec 2025, 12:00 ." in first
    assert "Search further" in first
    assert "No visit matches." in last
    monkeypatch.setattr("koyjabo.reports.visits.visit_list.COUNT_S", -1)
    assert "At least 10 visits" in words(admin.get("/admin/visits?place=Unknown"))
    assert "At least" not in words(admin.get("/admin/visits?place=nowhere"))


def test_communities_and_users_are_found_by_part_of_their_names(site, admin, example):
    page = admin.get("/admin/communities?query=line")
    assert "Page 1 of 2" in page
    assert "Line 19 100%" in page
    assert "Mirpur 10" not in words(page)
    second = admin.get("/admin/communities?query=line&page=2")
    assert [number for number in range(25) if f"Line {number:02}" in second] == [20, 21, 22, 23, 24]
    assert "Line 19" in admin.get("/admin/communities?query=9%20100%25")
    assert "Line 19" in admin.get("/admin/communities?query=%E0%A7%A7%E0%A7%AF%20LINE")  # ১৯
    assert "1 community" in words(admin.get(f"/admin/communities?query={example.community.upper()}"))
    assert "1 person" in words(admin.get(f"/admin/people?query={example.member.id}"))
    sign_up(site, "chandana")
    site.rows("UPDATE users SET name = 'চন্দনা' WHERE email = 'chandana@example.com'")
    assert "chandana@example.com" in admin.get("/admin/people?query=চন্দ")
    assert "chandana@example.com" in admin.get("/admin/people?query=CHANDANA@")
    assert "Nothing found." in admin.get("/admin/people?query=%25")
    # only the first 200 characters are read
    assert "Line 19" in admin.get(f"/admin/communities?query=line+19{'+' * 193}{'x' * 5000}")


def entries(page):
    """The events on the page, with their details and actors."""
    return [words(entry) for entry in ENTRY.findall(page)]


def test_lists_are_sorted_by_the_clicked_column(site, admin, example):
    def names(path):
        return re.findall(r"data-row><bdi>(.*?)</bdi>", admin.get(path))

    assert names("/admin/communities?sort=-members")[0] == "Mirpur 10"
    assert names("/admin/communities?sort=-name&query=line")[0] == "Line 24 100%"
    assert names("/admin/communities?sort=x") == names("/admin/communities") == sorted(names("/admin/communities"))
    assert names("/admin/communities?sort=created")[0] == "Mirpur 10"
    assert names("/admin/people?sort=name") == sorted(names("/admin/people"))
    assert names("/admin/people") == names("/admin/people?sort=-created")
    site.rows("UPDATE sessions SET renewed_ms = 4102444800000 WHERE user_id = :id", id=example.member.id)
    assert names("/admin/people?sort=-seen")[0] == "Babul"
    page = admin.get("/admin/people?sort=-seen&query=a")
    assert 'aria-sort="descending"><a href="/admin/people?sort=seen&amp;query=a">Last seen' in page


def test_audit_log_has_changes_and_logins_newest_first(site, admin, example):
    admin.log_in("rani")
    shown = entries(admin.get("/admin/audit"))
    assert "Logged in Rani" in shown[:2]
    named = "Signed up Rani", "Invitation accepted Community: Mirpur 10 Role: Member Babul"
    assert shown.index(named[0]) < shown.index(named[1])
    assert "Community created Community: Mirpur 10 Ayesha" in shown


def test_audit_log_has_a_column_for_locations_only_if_it_knows_one(site, admin, example):
    site.rows("UPDATE audit_log SET place = ''")
    assert "From where" not in admin.get("/admin/audit")
    site.rows("UPDATE audit_log SET place = 'Dhaka, BD' WHERE action = 'community.create'")
    page = words(admin.get("/admin/audit"))
    assert "From where" in page
    assert "Dhaka" in page


def test_audit_log_is_gone_through_by_a_cursor(other):
    admin, example = panel(other), ExampleCommunity(other)
    for number in range(104):
        answer = example.founder.patch(f"/api/communities/{example.community}", json={"open": number % 2 == 1})
        assert answer.status_code == 200
    lists = [entries(page) for page in pages(admin, "/admin/audit")]
    assert [len(shown) for shown in lists[:2]] == [50, 50]
    shown = [entry for entries in lists for entry in entries]
    assert sum(entry.startswith("Community changed") for entry in shown) == 104
    assert len(shown) == other.rows("SELECT count(*) FROM audit_log")[0][0]
