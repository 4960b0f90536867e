"""Markup in texts of users and visitors is escaped in the panel and on community pages."""

import re
from urllib.parse import quote

import pytest
from support.people.admins import ExampleCommunity, panel

from koyjabo.counting.visits import Visits

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}100% %(name)s"""
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&gt;&lt;img src=x onerror=alert(2)&gt;{{ 7*7 }}100% %(name)s"
OUR_TAGS = re.compile(r"<(script|img)\b[^>]*>")


@pytest.fixture(scope="module")
def example(site):
    example = ExampleCommunity(site, name=HOSTILE, description=HOSTILE)
    texts = {"userAgent": HOSTILE, "referrer": HOSTILE, "page": HOSTILE}
    site.register("ayesha", communityId=example.community, **texts)
    site.rows("UPDATE visits SET place = :text", text=HOSTILE)
    site.rows("UPDATE users SET name = :text WHERE id = :id", text=HOSTILE, id=example.member.id)
    return example


@pytest.fixture(scope="module")
def admin(site, example):
    reader = panel(site)
    path = f"/communities/{example.community}"
    reader.send(f"{path}/settings", name=f"{HOSTILE}!", description=HOSTILE)
    reader.send(f"{path}/members/{example.member.id}", role="moderator")
    return reader


def paths(example):
    user = f"/admin/people/{example.member.id}"
    paths = ["/admin/", "/admin/communities", "/admin/people", user, "/admin/visits", "/admin/audit"]
    pages = ("", "/members", "/reports", "/settings", "/delete")
    paths += [f"/communities/{example.community}{page}" for page in pages]
    fields = "communities?query people?query visits?place visits?text server?edit=export&place find?q"
    return paths + [f"/admin/{search}={quote(HOSTILE)}" for search in fields.split()]


def test_a_text_of_another_user_is_escaped(admin, example):
    for path in paths(example):
        page = admin.get(path)
        assert ESCAPED in page, path
        assert HOSTILE not in page
        tags = [tag[0] for tag in OUR_TAGS.finditer(page)]
        assert all('src="/static/' in tag or 'type="application/json"' in tag for tag in tags), path


def test_a_location_is_escaped_in_data_for_scripts(site, admin, example):
    site.register("babul")
    site.services[Visits].keep_active("babul", HOSTILE)
    for path in ("/", "/admin/"):
        blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', admin.get(path), re.DOTALL)
        assert blocks
        assert "<" not in "".join(blocks)


def test_a_text_is_escaped_in_a_confirmation_and_in_a_redisplayed_form(admin, example):
    question = admin.send(f"/admin/people/{example.member.id}/promote", 200)
    assert ESCAPED in question
    assert HOSTILE not in question
    assert ESCAPED in admin.send("/communities/new", 422, name="", description=HOSTILE)
    path = f"/communities/{example.community}/members"
    assert f'value="{ESCAPED}"' in admin.send(path, 422, email=HOSTILE, role="member")
    assert ESCAPED in admin.send("/admin/receipt/total", 422, total=HOSTILE, reason="")
