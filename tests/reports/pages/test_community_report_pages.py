"""A community's pages: who is online, and its reports."""

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
def come(new_site, community, time):
    """Bring members online, one each second."""

    def come(*names: str) -> list[str]:
        people = [sign_up(new_site, f"person{number}") for number in range(len(names))]
        for name, person in zip(names, people, strict=True):
            new_site.rows("UPDATE users SET name = :name WHERE id = :id", name=name, id=person.id)
        for person in people:
            assert person.post(f"/api/communities/{community}/join").status_code == 201
            time.pass_(seconds=1)
            new_site.services[OnlineMembers].connect(Scope(community), person.id, f"hold {person.id}")
        return [person.id for person in people]

    return come


@pytest.mark.usefixtures("two_days")
def test_room_shows_the_numbers_of_the_day(new_site, reader, community):
    new_site.services[Peaks].record(Scope(community), 7)
    page = words(reader.get(f"/communities/{community}"))
    assert "Most at once today 7 Most at once in 30 days 7 All visits" in page


def test_admins_change_roles_and_remove_people_where_they_see_them(new_site, reader, community, come):
    path, (karim, _) = f"/communities/{community}", come("Karim", "Salma")
    member = f"/communities/{community}/members/{karim}"
    assert f'formaction="{member}?query=Karim&amp;from=room"' in reader.get(path)
    reader.send(f"{member}?query=Karim&from=room", role="moderator")
    assert reader.location == path
    assert "moderator" in new_site.rows("SELECT role FROM memberships WHERE user_id = :id", id=karim)[0]
    moderator = Reader(new_site).log_in("person0")
    assert "formaction" not in moderator.get(path)
    reader.confirm(f"{member}/remove?query=Karim&from=room")
    assert reader.location == path


@pytest.fixture
def time() -> Time:
    return Time.at("2025-12-15T09:30:00+06:00")


@pytest.fixture
def new_site(sqlite_database, time):
    with Site(sqlite_database.url, time) as site:
        yield site


@pytest.fixture
def community(new_site) -> str:
    return found(sign_up(new_site, "ayesha"))["id"]


@pytest.fixture
def reader(new_site, community) -> Reader:
    return Reader(new_site).log_in("ayesha")


@pytest.fixture
def two_days(new_site, time, community) -> None:
    """Two visitors yesterday and three today: one came on both days, and one has signed up."""
    for visitor in ("a", "b"):
        new_site.register(visitor, communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    for visitor in ("b", "c", "d"):
        new_site.register(visitor, communityId=community)
    sign_up(new_site, "karim", visitorId="d")


def rows(page: str, chart: str) -> list[list[str]]:
    """A chart's table."""
    figure = page.split(f'id="{chart}"')[1].split("</figure>")[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"(?s)<tr>.*?</tr>", figure)
    ]


@pytest.mark.usefixtures("two_days")
def test_conversions_are_of_the_new_visitors_of_the_range_and_closed_without_any(reader, community):
    for day, is_open, shown in (("15", False, "rate 0% Signed up 0"), ("16", True, "rate 50% Signed up 1")):
        page = reader.get(f"/communities/{community}/reports?start=2025-12-{day}&end=2025-12-{day}")
        assert f"Conversion {shown}" in words(page)
        assert ('<details class="card stack" open>' in page) is is_open


def test_charts_are_tables_the_newest_first_from_the_first_visitor_on(new_site, time, reader, community):
    new_site.register("a", communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    new_site.register("b", communityId=community)
    sign_up(new_site, "karim", visitorId="b")
    page = reader.get(f"/communities/{community}/reports")
    head, *by_hour = rows(page, "by-hour")
    assert head == ["Hour", "With an account", "Without an account", "Together"]
    assert by_hour[0] == ["16 Dec, 10:00 not over yet", "1", "0", "1"]  # and no future hours
    assert by_hour[-1] == ["15 Dec, 09:00", "0", "1", "1"]  # and no hours before the first visit
    assert len(by_hour) == 15 + 11
    _, *by_day = rows(page, "by-day")
    assert [row[0] for row in by_day] == ["16 Dec not over yet", *(f"{day} Dec" for day in range(15, 10, -1))]
    assert [row[1:] for row in by_day[:3]] == [["1", "0", "1"], ["0", "1", "1"], ["0", "0", "0"]]


def test_growth_is_a_percentage_only_of_days_that_were_counted_in_full(new_site, time, reader, community):
    """The community was founded on 15 December, so the seven days before the 22nd are the first full week."""
    path = f"/communities/{community}/reports"
    for visitor in ("a", "b"):
        new_site.register(visitor, communityId=community)
    time.go_to("2025-12-27T10:30:00+06:00")
    new_site.register("c", communityId=community)
    assert "Previous 7 days 2 Difference -1 Last 30 days" in words(reader.get(path))
    time.go_to("2025-12-28T10:30:00+06:00")
    assert "Previous 7 days 2 Difference -1 (-50%)" in words(reader.get(path))
