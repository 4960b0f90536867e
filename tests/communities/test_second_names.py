"""A community's name and description in Bangla: only pages, emails and reports in Bangla show them."""

import pytest
from support.application.site import assert_error
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


def test_bangla_pages_of_a_community_show_its_bangla_name(site, community, reader):
    english = Reader(site).log_in("admin")
    for page in ("", "/reports", "/settings"):
        assert f"<h1><bdi>{BANGLA}</bdi></h1>" in reader.get(path_of(community, page))
        assert f"<h1><bdi>{NAME}</bdi></h1>" in english.get(path_of(community, page))


def test_lists_search_both_names_of_a_community_and_show_one(site, community, reader):
    site.services[OnlineMembers].connect(Scope(community), "person", "tab")
    for query in ("commuters", "যাত্রী"):
        page = words(reader.get(f"/communities?query={query}"))
        assert BANGLA in page
        assert NAME not in page
    assert NAME in words(Reader(site).get("/communities?query=যাত্রী"))
    panel = Reader(site, "bn").log_in("site_admin")
    assert BANGLA in words(panel.get("/admin/communities?query=যাত্রী"))
    assert BANGLA in panel.get("/admin/search?q=commuters")


def test_reports_and_visits_in_bangla_show_the_bangla_name_of_a_community(site, cast, community):
    visitor = "00000000-0000-4000-8000-000000000001"
    site.register(visitor, page=f"/communities/{community}/map", communityId=community)
    panel, english = (Reader(site, language).log_in("site_admin") for language in ("bn", "en"))
    for path in ("/admin/visits", "/admin/visits/1"):
        assert f"কমিউনিটি {BANGLA}/map" in words(panel.get(path)), path
        assert f"Community {NAME}/map" in words(english.get(path)), path
    for query in ("by=page", "by=community"):
        assert BANGLA in panel.get(f"/admin/?{query}")
        assert NAME in english.get(f"/admin/?{query}")
