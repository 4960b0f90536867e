"""The reports on a community's pages."""

import re

import pytest
from support.application.site import Site, Time
from support.people.accounts import sign_up
from support.people.communities import found
from support.people.page_readers import Reader, words

from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.members.peaks import Peaks


@pytest.fixture
def time() -> Time:
    return Time.at("2025-12-15T09:30:00+06:00")


@pytest.fixture
def site(sqlite_database, time):
    with Site(sqlite_database.url, time) as site:
        yield site


@pytest.fixture
def community(site) -> str:
    return found(sign_up(site, "ayesha"))["id"]


@pytest.fixture
def reader(site, community) -> Reader:
    return Reader(site).log_in("ayesha")


@pytest.fixture
def two_days(site, time, community) -> None:
    """Two visitors yesterday and three today: one came on both days, and one has signed up."""
    for visitor in ("a", "b"):
        site.register(visitor, communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    for visitor in ("b", "c", "d"):
        site.register(visitor, communityId=community)
    sign_up(site, "karim", visitorId="d")


def rows(page: str, chart: str) -> list[list[str]]:
    figure = page.split(f'id="{chart}"')[1].split("</figure>")[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"(?s)<tr>.*?</tr>", figure)
    ]


@pytest.fixture
def karim(site, time, community) -> str:
    """The id of a member who came online before two others."""
    for name in ("karim", "salma", "karima"):
        person = sign_up(site, name)
        assert person.post(f"/api/communities/{community}/join").status_code == 201
        time.pass_(seconds=1)
        site.services[OnlineMembers].connect(Scope(community), person.id, f"hold {person.id}")
    return site.rows("SELECT id FROM users WHERE email = 'karim@example.com'")[0][0]


@pytest.mark.usefixtures("karim")
def test_the_people_online_are_listed_in_the_requested_order(reader, community):
    def names(query: str) -> list[str]:
        answer = reader.client.get(f"/api/communities/{community}/visitors/online{query}")
        return [person["name"] for person in answer.json]

    assert names("") == ["Karim", "Salma", "Karima"]
    assert names("?order=newest&per_page=2") == ["Karima", "Salma"]
    assert names("?order=name&query=karim") == ["Karim", "Karima"]


def test_the_conversion_rate_is_of_the_new_visitors_of_the_range(site, reader, community, two_days):
    site.services[Peaks].record(Scope(community), 7)
    assert 'data-stat="peak" data-value="7"' in reader.get(f"/communities/{community}")
    for day, shown in (("15", "rate 0% Signed up 0"), ("16", "rate 50% Signed up 1")):
        page = reader.get(f"/communities/{community}/reports?start=2025-12-{day}&end=2025-12-{day}")
        assert f"Conversion {shown}" in words(page)


def test_a_chart_has_a_table_from_the_newest_period_to_the_first_visitor(site, time, reader, community):
    site.register("a", communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    site.register("b", communityId=community)
    sign_up(site, "karim", visitorId="b")
    page = reader.get(f"/communities/{community}/reports")
    head, *by_hour = rows(page, "by-hour")
    assert head == ["Hour", "With an account", "Without an account", "Together"]
    assert by_hour[0] == ["16 Dec, 10:00 not over yet", "1", "0", "1"]  # and no future hours
    assert by_hour[-1] == ["15 Dec, 09:00", "0", "1", "1"]  # and no hours before the first visit
    assert len(by_hour) == 15 + 11
    _, *by_day = rows(page, "by-day")
    assert [row[0] for row in by_day] == ["16 Dec not over yet", *(f"{day} Dec" for day in range(15, 10, -1))]
    assert [row[1:] for row in by_day[:3]] == [["1", "0", "1"], ["0", "1", "1"], ["0", "0", "0"]]


def test_the_difference_is_a_percentage_only_if_all_earlier_days_were_counted_in_full(site, time, reader, community):
    """The community was founded on 15 December, so the seven days before the 22nd are the first full week."""
    path = f"/communities/{community}/reports"
    for visitor in ("a", "b"):
        site.register(visitor, communityId=community)
    time.go_to("2025-12-27T10:30:00+06:00")
    site.register("c", communityId=community)
    assert "Difference -1 Last 30 days" in words(reader.get(path))
    time.go_to("2025-12-28T10:30:00+06:00")
    assert "Difference -1 (-50%)" in words(reader.get(path))
