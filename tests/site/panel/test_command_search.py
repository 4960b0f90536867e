"""Results of the command menu, for admins and for viewers."""

import re

import pytest
from support.application.site import Site
from support.people.admins import ExampleCommunity, id_of, panel
from support.people.page_readers import Reader


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, STARTING_TOTAL=22_299, RATE_LIMIT_REPORTS="40") as site:
        yield site


@pytest.fixture(scope="module")
def example(site):
    example = ExampleCommunity(site)
    site.register("visitor_1702757318000_a1b2c3d4e")
    return example


@pytest.fixture(scope="module")
def admin(site, example):
    return panel(site)


@pytest.fixture(scope="module")
def viewer(site, example):
    reader = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    return reader


def found(reader: Reader, query: str) -> list[tuple[str, str, str, str]]:
    answer = reader.client.get("/admin/search", query_string={"q": query}, headers=reader.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return [(result["kind"], result["label"], result["detail"], result["url"]) for result in answer.json["results"]]


def test_a_page_is_found_by_any_part_of_its_name_in_english_and_bangla(site, admin):
    assert ("Pages", "Time zone", "", "/admin/server#zone") in found(admin, "zon")
    assert ("Pages", "Change the total", "", "/receipt#change-total") in found(admin, "TOTAL")
    assert ("Pages", "Export", "", "/admin/server#export") in found(admin, "")
    reader = Reader(site, language="bn")
    reader.client = admin.client
    for name, path in (("time zone", "/admin/server#zone"), ("connect", "/admin/connect"), ("people", "/admin/people")):
        assert path in [url for _, _, _, url in found(reader, name)], name


def test_the_pages_in_the_command_menu_have_different_names(admin):
    labels = [label for _, label, _, _ in found(admin, "")]
    assert len(labels) == len(set(labels))


def test_a_page_and_a_document_are_found_by_other_words_for_them(site, viewer):
    documents = {"wordpress": "/docs/client.md#wordpress", "colours": "/docs/settings.md#a-look-of-your-own"}
    pages = {"color": "/admin/server#name", "logo": "/admin/server#name", "help": "/docs/", "reports": "/admin/"}
    for words, path in {**documents, **pages, "language": "/admin/server#choices"}.items():
        assert path in [url for *_, url in found(viewer, words)], words
    page = viewer.get("/admin/find?q=server")
    assert re.findall('<h2 id="kind[^>]*>(.*?)<', page) == ["Pages", "Documentation"], "in this order"
    assert "*Server*" not in page, "without marks of Markdown"
    assert '<a href="/docs/">' in viewer.get("/account")
    assert '<a href="/docs/">' not in Reader(site).sign_up("mina").get("/account")


def test_a_visit_is_found_by_its_number_in_any_notation(admin, viewer):
    visit = ("Visits", "Visit 22,300", "Unknown", "/admin/visits/22300")
    for query in ("22300", "22,300", "#22300", "No. 22,300", "২২,৩০০"):
        assert visit in found(admin, query), query
    assert visit in found(viewer, "22300")
    assert [result for result in found(admin, "999999") if result[0] == "Visits"] == []


def test_communities_and_users_are_found_by_name(site, example, admin):
    community = f"/admin/communities/{example.community}"
    assert ("Communities", "Mirpur 10", "Members: 2", community) in found(admin, "mirpur")
    user = ("People", "Babul", "babul@example.com", f"/admin/people/{id_of(site, 'babul')}")
    assert user in found(admin, "babul@")
    assert user in found(admin, "bab")


def test_a_viewer_finds_no_email_and_no_page_that_changes_data(site, example, viewer):
    assert found(viewer, "babul@") == []
    assert ("People", "Babul", "", f"/admin/people/{id_of(site, 'babul')}") in found(viewer, "bab")
    pages = [label for _, label, _, _ in found(viewer, "")]
    assert "Backups" in pages
    assert not {"Export", "Change the total", "New community", "Erase a visitor"} & set(pages)
    assert [result for result in found(viewer, "visitor_1702757318000_a1b2c3d4e") if result[0] == "Visits"] == []


def test_the_searches_of_an_account_are_limited(site, admin):
    other = panel(site, "other")
    statuses = [other.client.get("/admin/search?q=a", headers=other.headers).status_code for _ in range(41)]
    assert statuses == [200] * 40 + [429]
    found(admin, "a")
