"""Rights that are lost while a page is open, communities that are hidden, and pages that are not there; who else may do
what is in test_permissions.py.
"""

from __future__ import annotations

import io
from urllib.parse import urlencode

from support.admin_calls import panel
from support.community_calls import stored
from support.page_calls import Reader, path_of, words

UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
HOSTILE = "<script>alert(1)</script> 100% %(name)s {{ 7 * 7 }}"
PAGES = {"": "outsider", "/members": "member", "/dashboard": "moderator", "/settings": "admin", "/delete": "admin"}
"""Of a community, and who may see them."""


def test_hidden_community_is_there_for_its_members_alone(cast, readers):
    hidden = cast.kept_community(listed=False)
    for page, least in PAGES.items():
        readers["outsider"].get(path_of(hidden, page), 404)
        readers["member" if least == "outsider" else least].get(path_of(hidden, page))


def test_what_there_is_not_is_a_page_that_says_so(readers):
    for community in (UNKNOWN, "nonsense"):
        for page in PAGES:
            readers["outsider"].get(path_of(community, page), 404)
            readers["site_admin"].get(path_of(community, page), 404)
        for kind in ("communities", "users"):
            assert "Page not found" in readers["site_admin"].get(f"/admin/{kind}/{community}", 404)
    readers["site_admin"].send(path_of(UNKNOWN, "/settings"), 404, name="Mine")
    assert "There is no page at this address." in readers["site_admin"].get("/admin/x", 404)


def test_names_and_descriptions_are_texts(readers, cast):
    community = cast.kept_community(name=HOSTILE, description=HOSTILE)
    for path in (*(path_of(community, page) for page in PAGES), "/communities?per_page=100"):
        shown = readers["admin"].get(path)
        assert "<script>alert" not in shown
        assert HOSTILE in words(shown)


def test_who_is_no_admin_any_more_is_out_at_once(site):
    reader = panel(site, "late")
    reader.get("/admin/")
    site.rows("UPDATE users SET is_admin = false WHERE email = 'late@example.com'")
    reader.get("/admin/", 403)


class HeldBack(io.BytesIO):
    """A body that comes when something else has been done."""

    def __init__(self, fields, do):
        super().__init__(urlencode(fields).encode())
        self._do = do

    def read(self, *size):
        self._do()
        return super().read(*size)

    def readinto(self, buffer):
        self._do()
        return super().readinto(buffer)


def test_right_that_is_lost_while_a_form_is_held_back_is_lost(site):
    reader: Reader = panel(site, "slow")
    before = stored(site)
    lose = "UPDATE users SET is_admin = false WHERE email = 'slow@example.com'"
    body = HeldBack({"csrf_token": reader.csrf, "name": "Too late"}, lambda: site.rows(lose))
    kind = "application/x-www-form-urlencoded"
    said = {"input_stream": body, "content_length": len(body.getvalue()), "content_type": kind}
    answer = reader.client.post("/admin/communities/new", headers=reader.headers, **said)
    assert (answer.status_code, stored(site)) == (403, before)
