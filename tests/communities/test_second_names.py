"""A community's name and description in Bangla: only pages, emails and reports in Bangla show them."""

import pytest
from support.people.communities import PATH, found
from support.people.page_readers import Reader, path_of, words

from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import OnlineMembers

NAME, BANGLA = "Mirpur 10 commuters", "মিরপুর ১০-এর যাত্রী"


@pytest.fixture(scope="module")
def community(cast):
    return found(cast["admin"], name=NAME, nameBn=f" {BANGLA} ", public_count=True)["id"]


@pytest.fixture(scope="module")
def reader(site, cast):
    """An admin who reads pages in Bangla."""
    return Reader(site, "bn").log_in("admin")


def test_second_name_is_optional_and_has_the_rules_of_names(cast):
    admin = cast["admin"]
    community = found(admin, name=NAME)
    assert "nameBn" not in community
    path = f"{PATH}/{community['id']}"
    assert admin.patch(path, json={"nameBn": BANGLA}).json["nameBn"] == BANGLA
    assert admin.patch(path, json={"nameBn": None, "name": "Mirpur"}).json["nameBn"] == BANGLA
    refused = admin.patch(path, json={"nameBn": "x" * 201})
    assert refused.json["details"] == {"nameBn": "must not be longer than 200 characters"}
    assert admin.patch(path, json={"nameBn": "\u200b"}).status_code == 400
    assert "nameBn" not in admin.patch(path, json={"nameBn": ""}).json


@pytest.mark.parametrize("page", ["", "/members", "/reports", "/settings", "/shares", "/delete"])
def test_bangla_pages_of_a_community_show_its_second_name(site, cast, community, reader, page):
    path = path_of(community, page)
    text, english = reader.get(path), Reader(site).log_in("admin").get(path)
    assert f"<h1><bdi>{BANGLA}</bdi></h1>" in text
    assert BANGLA in text.partition("</title>")[0]
    assert f"<h1><bdi>{NAME}</bdi></h1>" in english
    assert NAME in english.partition("</title>")[0]


def test_lists_search_both_names_and_show_one(site, community, reader):
    site.services[OnlineMembers].connect(Scope(community), "person", "tab")
    for query in ("commuters", "যাত্রী"):
        page = words(reader.get(f"/communities?query={query}"))
        assert BANGLA in page
        assert NAME not in page
    assert NAME in words(Reader(site).get("/communities?query=যাত্রী"))
    panel = Reader(site, "bn").log_in("site_admin")
    assert BANGLA in words(panel.get("/admin/communities?query=যাত্রী"))
    assert BANGLA in panel.get("/admin/search?q=commuters")


def test_pages_in_bangla_show_the_second_description(site, cast, reader):
    words_in_bangla = "ফেরির সময় আর ভিড়।"
    admin, both = cast["admin"], {"description": "Ferries and queues.", "descriptionBn": words_in_bangla}
    community = found(admin, name="Ghat", public_count=True, **both)
    assert community["descriptionBn"] == words_in_bangla
    for page in ("/communities?query=Ghat", path_of(community["id"])):
        assert words_in_bangla in reader.get(page)
        english = Reader(site).get(page)
        assert "Ferries and queues." in english
        assert words_in_bangla not in english
    path = path_of(community["id"], "/settings")
    reader.send(path, name="Ghat", description="Ferries and queues.", descriptionBn="", listed="on")
    assert 'dir="auto" lang="en">Ferries and queues.</p>' in reader.get(path_of(community["id"]))
    assert "descriptionBn" not in admin.get(f"{PATH}/{community['id']}").json


def test_reports_and_visits_in_bangla_name_the_community(site, cast, community):
    visitor = "00000000-0000-4000-8000-000000000001"
    site.register(visitor, page=f"/communities/{community}/map", communityId=community)
    panel, english = (Reader(site, language).log_in("site_admin") for language in ("bn", "en"))
    for path in ("/admin/visits", "/admin/visits/1"):
        assert f"কমিউনিটি {BANGLA}/map" in words(panel.get(path)), path
        assert f"Community {NAME}/map" in words(english.get(path)), path
    for query in ("by=page", "by=community"):
        assert BANGLA in panel.get(f"/admin/?{query}")
        assert NAME in english.get(f"/admin/?{query}")
