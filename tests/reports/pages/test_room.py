"""A community's room for moderators: online members, their order, paging, and the day's numbers."""

from __future__ import annotations

import re

import pytest
from support.people.accounts import sign_up
from support.people.page_readers import Reader, words

from koyjabo.base.models import Scope
from koyjabo.presence.services import PresenceServices


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
            new_site.services[PresenceServices].members.connect(Scope(community), person.id, f"hold {person.id}")
        return [person.id for person in people]

    return come


def listed(page: str) -> list[str]:
    return re.findall(r"<strong dir=\"auto\">(.*?)</strong>", page)


@pytest.mark.usefixtures("two_days")
def test_numbers_are_those_of_the_day(new_site, reader, community):
    new_site.services[PresenceServices].peaks.record(Scope(community), 7)
    page = words(reader.get(f"/communities/{community}"))
    for shown in (
        "here now 0 ",
        "With, without an account today 1 , 2 ",
        "Most at once today 7 Most at once in 30 days 7",
    ):
        assert shown in page


def test_newest_come_first_or_by_name_and_those_who_just_came_are_marked(reader, community, come, time):
    path = f"/communities/{community}"
    (karim, *_) = come("Karim", "émile", "Zoë")
    assert listed(reader.get(path)) == ["Zoë", "émile", "Karim"]
    assert listed(reader.get(f"{path}?order=name")) == ["émile", "Karim", "Zoë"]
    assert listed(reader.get(f"{path}?order=oldest")) == ["Karim", "émile", "Zoë"]
    time.pass_(seconds=58)
    page = reader.get(path)
    assert page.count(" data-came>") == 2, "who came a minute ago is not new any more"
    assert re.search(f'data-person="{karim}" data-since="[0-9]+">', page)


def test_people_are_shown_with_initials_and_roles(new_site, reader, community, come):
    karim, *_ = come("karim uddin ahmed", "প্রিয়া দাস", "Zoë")
    new_site.rows("UPDATE memberships SET role = 'moderator' WHERE user_id = :id", id=karim)
    moderator = Reader(new_site).log_in("person0").get(f"/communities/{community}")
    assert re.findall(r'class="avatar" aria-hidden="true">(.*?)<', moderator) == ["Z", "প্রি", "KA"]
    assert "karim uddin ahmed you · Moderator" in words(moderator)


def test_search_appears_with_12_people(reader, community, come):
    come(*(f"Person {number}" for number in range(11)))
    path = f"/communities/{community}"
    assert "data-search hidden" in reader.get(path)
    assert "data-search hidden" not in reader.get(f"{path}?order=name")


def test_all_words_of_a_search_are_found_without_case_or_accents(reader, community, come):
    come("Élise  Rahman", "ELISE Karim", "রফিকুল ইসলাম", "আ\u09af\u09bcেশা খাতুন")
    path = f"/communities/{community}?query="
    assert sorted(listed(reader.get(f"{path}elise"))) == ["ELISE Karim", "Élise  Rahman"]
    assert listed(reader.get(f"{path}rah ÉLI")) == ["Élise  Rahman"]
    assert listed(reader.get(f"{path}ইসলাম")) == ["রফিকুল ইসলাম"]
    assert len(listed(reader.get(f"{path}আ\u09dfেশা"))) == 1, "however its letters are spelled"
    assert "1 of 4 match." in words(reader.get(f"{path}ইসলাম"))
    assert "Nothing found." in words(reader.get(f"{path}ইসলামপুর"))


def test_page_has_as_many_as_fit_and_says_so(reader, community, come, monkeypatch):
    monkeypatch.setattr("koyjabo.communities.pages.SHOWN", 2)
    come("Karim", "Salma", "Nasrin")
    first = reader.get(f"/communities/{community}")
    assert listed(first) == ["Nasrin", "Salma"]
    assert "Showing 1–2 of 3." in words(first)
    second = reader.get(f"/communities/{community}?page=2")
    assert listed(second) == ["Karim"]
    assert "Showing 3–3 of 3." in words(second)


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


def test_list_comes_by_itself_for_the_page_that_keeps_it_up_to_date(reader, community, come):
    path = f"/communities/{community}"
    assert "No one is here right now." in words(reader.get(path))
    come("Karim")
    part = reader.get(f"{path}?part=people")
    assert listed(part) == ["Karim"]
    assert "<main" not in part


def test_programs_ask_in_the_same_orders(reader, community, come):
    come("Karim", "Salma", "Karima")
    api = f"/api/communities/{community}/visitors/online"

    def names(query: str) -> list[str]:
        return [member["name"] for member in reader.client.get(f"{api}{query}").json]

    assert names("") == ["Karim", "Salma", "Karima"]
    assert names("?order=newest&per_page=2") == ["Karima", "Salma"]
    assert names("?order=name&query=karim") == ["Karim", "Karima"]
    answer = reader.client.get(f"{api}?order=newest&per_page=2")
    assert answer.headers["X-Total-Count"] == "3"
    assert reader.client.get(f"{api}?order=age").status_code == 400
