"""Common parts of the panel's pages: the current admin or viewer, templates, cursors."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, make_response, render_template, request

from koyjabo.errors import InvalidInput
from koyjabo.identity import Account, Login
from koyjabo.text import N_
from koyjabo.web.security import page_login

LARGEST_CURSOR = 2**63 - 1


def me() -> Account:
    """The account that passed the panel's guard."""
    return my_login().account


def my_login() -> Login:
    login = page_login.login()
    assert login is not None
    return login


def page(name: str, status: int = 200, **values: Any) -> Response:
    """`may_change` is False for viewers of the site: then the page has no controls."""
    return make_response(render_template(f"admin/{name}.html", may_change=me().is_admin, **values), status)


def before() -> int | None:
    """The cursor of the request. Raises InvalidInput."""
    cursor = request.args.get("before", "")
    if not cursor:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", cursor) or int(cursor) > LARGEST_CURSOR:
        raise InvalidInput(N_("The address of this page is not valid. Start again from the first page."))
    return int(cursor)
