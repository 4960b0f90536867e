"""Rights that are lost while a page is open, communities that are hidden, and pages that are not there; who else may do
what is in test_permissions.py.
"""

from __future__ import annotations

import io
from urllib.parse import urlencode

from support.admin_calls import panel
from support.community_calls import stored
from support.page_calls import Reader, path_of

PAGES = {"": "outsider", "/members": "member", "/dashboard": "moderator", "/settings": "admin", "/delete": "admin"}
"""Of a community, and who may see them."""


def test_hidden_community_is_there_for_its_members_alone(cast, readers):
    hidden = cast.kept_community(listed=False)
    for page, least in PAGES.items():
        readers["outsider"].get(path_of(hidden, page), 404)
        readers["member" if least == "outsider" else least].get(path_of(hidden, page))


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
