"""What holds of every page of a community: who sees it, who does what it offers, and that texts stay texts."""

from __future__ import annotations

import re

import pytest
from support.community_calls import stored
from support.page_calls import PARTS, Reader, path_of, words

UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
HOSTILE = "<script>alert(1)</script> 100% %(name)s {{ 7 * 7 }}"


def statuses(readers, path: str) -> dict[str, int]:
    return {part: readers[part].client.get(path, headers=readers[part].headers).status_code for part in PARTS}


PAGES = [
    ("", {"outsider": 200, "member": 200, "moderator": 200, "admin": 200, "site_admin": 200}),
    ("/members", {"outsider": 403, "member": 200, "moderator": 200, "admin": 200, "site_admin": 200}),
    ("/dashboard", {"outsider": 403, "member": 403, "moderator": 200, "admin": 200, "site_admin": 200}),
    ("/settings", {"outsider": 403, "member": 403, "moderator": 403, "admin": 200, "site_admin": 200}),
    ("/delete", {"outsider": 403, "member": 403, "moderator": 403, "admin": 200, "site_admin": 200}),
]


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_who_sees_which_page(site, readers, cast, page, expected):
    assert statuses(readers, path_of(cast.kept_community(), page)) == expected
    hidden = {**expected, "outsider": 404}
    assert statuses(readers, path_of(cast.kept_community(listed=False), page)) == hidden
    assert set(statuses(readers, path_of(UNKNOWN, page)).values()) == {404}
    assert set(statuses(readers, path_of("nonsense", page)).values()) == {404}
    Reader(site).get(path_of(cast.kept_community(), page), 303)


ACTIONS = [
    ("/settings", {"name": "Mine"}, {"outsider": 403, "member": 403, "moderator": 403}),
    ("/delete", {}, {"outsider": 403, "member": 403, "moderator": 403}),
    (
        "/members",
        {"email": "newcomer@example.com", "role": "member"},
        {"outsider": 403, "member": 403, "moderator": 403},
    ),
    ("/members/{other}", {"role": "admin"}, {"outsider": 403, "member": 403, "moderator": 403}),
    ("/members/{other}/remove", {}, {"outsider": 403, "member": 403, "moderator": 403}),
    ("/leave", {}, {"outsider": 403}),
]


@pytest.mark.parametrize(("action", "fields", "refused"), ACTIONS)
def test_nobody_does_what_their_role_does_not_allow(site, readers, cast, action, fields, refused):
    path = path_of(cast.kept_community(), action.format(other=cast["other"].id))
    before = stored(site)
    for part, status in refused.items():
        readers[part].send(path, status, **fields)
        readers[part].send(path_of(UNKNOWN, "/settings"), 404, name="Mine")
    for part in PARTS:
        readers[part].send(path, 403, csrf_token="", **fields)
        readers[part].send(path, 403, csrf_token=readers["outsider" if part != "outsider" else "member"].csrf, **fields)
    Reader(site).send(path, 303, **fields)
    assert stored(site) == before


@pytest.mark.parametrize("page", ["", "/members", "/dashboard", "/settings", "/delete"])
def test_names_and_descriptions_are_texts(readers, cast, page):
    community = cast.kept_community(name=HOSTILE, description=HOSTILE)
    shown = readers["admin"].get(path_of(community, page))
    assert "<script>alert" not in shown
    assert HOSTILE in words(shown)
    for part in ("outsider", "admin"):
        assert HOSTILE in words(readers[part].get("/communities?per_page=100"))


@pytest.mark.parametrize("page", ["", "/members", "/dashboard", "/settings", "/delete"])
def test_pages_are_there_in_bangla(site, cast, page):
    reader = Reader(site, "bn").log_in("admin")
    shown = reader.get(path_of(cast.kept_community(), page))
    assert '<html lang="bn"' in shown
    assert re.search("[০-৯]", shown) or page == "/settings"
    assert not re.search(r"%\(\w+\)s", words(shown))
