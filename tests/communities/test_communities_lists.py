"""Lists of communities and members: content, order and paging."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.application.site import assert_error
from support.people.communities import PATH, found, give

LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


@pytest.fixture
def empty(site, cast):
    """People without communities."""
    for table in ("memberships", "communities"):
        site.rows(f"DELETE FROM {table}")
    return cast


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [community["name"] for community in answer.json]


def links(answer) -> dict[str, str]:
    return {name: address for address, name in LINK.findall(answer.headers["Link"])}


def test_the_list_contains_listed_communities_and_the_callers_memberships(empty):
    for name, listed in (("Banani", True), ("Dhanmondi", False), ("Mirpur", False), ("Uttara", True)):
        community = found(empty["admin"], name=name, listed=listed)["id"]
        if name in ("Dhanmondi", "Uttara"):
            give(empty["admin"], community, empty["moderator"], "moderator")
    assert names(empty["outsider"].get(PATH)) == ["Uttara", "Banani"]
    assert names(empty["moderator"].get(PATH)) == ["Dhanmondi", "Uttara", "Banani"]
    for who in ("admin", "site_admin"):
        assert names(empty[who].get(PATH)) == ["Dhanmondi", "Uttara", "Banani", "Mirpur"]
    parts = ("outsider", "moderator", "site_admin")
    assert {who: [community["role"] for community in empty[who].get(PATH).json] for who in parts} == {
        "outsider": [None, None],
        "moderator": ["moderator", "moderator", None],
        "site_admin": ["admin"] * 4,
    }
    assert_error(empty.site.client.get(PATH), 401, "unauthenticated")


def test_the_list_is_sorted_by_member_count_then_by_name(empty):
    """Otherwise founding many communities would fill the list."""
    sizes = {"!! buy at evil.example": 1, "Uttara": 4, "Banani": 3, "Mirpur": 3, "dhanmondi": 1}
    for name, members in sizes.items():
        community = found(empty["admin"], name=name)["id"]
        for part in ("moderator", "member", "other")[: members - 1]:
            give(empty["admin"], community, empty[part], "member")
    everyone = ["Uttara", "Banani", "Mirpur", "!! buy at evil.example", "dhanmondi"]
    for who in ("outsider", "member", "site_admin"):
        assert names(empty[who].get(PATH)) == everyone


def test_the_slices_of_the_list_contain_every_community_once_in_order(empty):
    communities = [found(empty["admin"], name=name) for name in ("b", "a", "c", "a", "a", "B", "b")]
    ids = {community["id"] for community in communities}
    pages = [empty["outsider"].get(f"{PATH}?page={page}&per_page=3") for page in (1, 2, 3)]
    assert [len(page.json) for page in pages] == [3, 3, 1]
    together = [community for page in pages for community in page.json]
    assert {community["id"] for community in together} == ids
    assert [community["name"].lower() for community in together] == list("aaabbbc")
    assert together == empty["outsider"].get(PATH).json
    assert {page.headers["X-Total-Count"] for page in pages} == {"7"}
    assert communities[2] in empty["admin"].get(PATH).json, "each as it says of itself"


def test_the_link_header_names_the_other_slices_of_a_list(empty):
    answer = empty["outsider"].get(PATH)
    assert (answer.json, answer.headers["X-Total-Count"], set(links(answer))) == ([], "0", {"first", "last"})
    for number in range(5):
        found(empty["admin"], name=str(number))
    for page, shown, others in (
        (1, ["0", "1"], {"next": 2}),
        (2, ["2", "3"], {"prev": 1, "next": 3}),
        (3, ["4"], {"prev": 2}),
        (10**9, [], {"prev": 3}),
    ):
        answer = empty["admin"].get(f"{PATH}?page={page}&per_page=2&q=%26a%3Cb%0d&q=2")
        assert names(answer) == shown
        queries = {name: parse_qsl(urlsplit(link).query) for name, link in links(answer).items()}
        assert {name: int(dict(query)["page"]) for name, query in queries.items()} == {"first": 1, "last": 3, **others}
        for query in queries.values():
            assert [pair for pair in query if pair[0] != "page"] == [("q", "&a<b\r"), ("q", "2"), ("per_page", "2")]
        assert empty["admin"].get(links(answer)["first"]).status_code == 200
