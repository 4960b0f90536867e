"""Parts shared by the panel's pages: the current admin or viewer, templates, cursors, downloads."""

import re
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template, request

from koyjabo.base.core.errors import Forbidden, InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, Login
from koyjabo.web.current import current
from koyjabo.web.login import page_login

LARGEST_CURSOR = 2**63 - 1


def me() -> Account:
    """The account whose permission for the panel was checked."""
    return my_login().account


def my_login() -> Login:
    login = page_login.login()
    assert login is not None
    return login


def page(name: str, status: int = 200, **values: Any) -> Response:
    """Render a template as a page. `may_change` is False for viewers of the site, whose page has no controls."""
    return make_response(render_template(f"{name}.html", may_change=me().is_admin, **values), status)


def while_admin() -> Callable[[], None]:
    """A check for `download`, to be created within the request. It raises Forbidden if the user is no
    longer an admin.
    """
    logins, session_id = current().identities, my_login().session_id

    def require() -> None:
        login = logins.login_of(session_id, None)
        if login is None or not login.account.is_admin:
            raise Forbidden

    return require


def cursor(name: str) -> int | None:
    """A cursor from the request. Raises InvalidInput."""
    typed = request.args.get(name, "")
    if not typed:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", typed) or int(typed) > LARGEST_CURSOR:
        raise InvalidInput(N_("The address of this page is not valid. Start again from the first page."))
    return int(typed)
