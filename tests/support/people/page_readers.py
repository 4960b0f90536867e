"""People who use pages in a browser without scripts, which keeps cookies and sends forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from koyjabo.web.login.page_login import unmask
from support.application.site import Site
from support.clients.forms import answer
from support.people.accounts import PASSWORD

PARTS = ("outsider", "member", "moderator", "admin", "site_admin")  # members of the cast who view pages
CSRF_COOKIE = "csrf_access_token"
FOR_SCRIPTS = {"/admin/search", "/admin/state"}  # page routes that return JSON
FIELD = re.compile(r'<input type="hidden" name="csrf_token" value="([^"]*)">')


class Reader:
    """A user of pages. `page` is the last response."""

    def __init__(self, site: Site, language: str = "en") -> None:
        self.client = site.app.test_client()
        self.headers = {"Accept": "text/html", "Accept-Language": language}

    def get(self, path: str, status: int = 200) -> str:
        """Request a page, and return its text."""
        return self._take(self.client.get(path, headers=self.headers), status)

    def send(self, path: str, status: int = 303, **fields: Any) -> str:
        """Send a form with its CSRF token. `location` is the address of the redirect."""
        form = {"csrf_token": self.csrf, **fields}
        return self._take(self.client.post(path, headers=self.headers, data=form), status)

    def confirm(self, path: str, status: int = 303, **fields: Any) -> str:
        """Send the form of an action that asks for confirmation, and confirm it."""
        form = answer(self.send(path, 200, **fields))
        return self.send(form.action, status, **form.fields)

    def sign_up(self, name: str, **fields: Any) -> Reader:
        self.send("/signup", name=name.capitalize(), email=f"{name}@example.com", password=PASSWORD, **fields)
        return self

    def log_in(self, name: str, **fields: Any) -> Reader:
        self.send("/login", **{"email": f"{name}@example.com", "password": PASSWORD, **fields})
        return self

    @property
    def csrf(self) -> str:
        cookie = self.client.get_cookie(CSRF_COOKIE)
        return cookie.value if cookie else ""

    def _take(self, answer: Any, status: int) -> str:
        assert answer.status_code == status, f"{answer.status_code} {answer.headers.get('Location')}\n{answer.text}"
        if status != 303 and "Content-Disposition" not in answer.headers:  # not a download
            is_for_scripts = status == 200 and answer.request.path in FOR_SCRIPTS
            assert answer.content_type == ("application/json" if is_for_scripts else "text/html; charset=utf-8")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
        self.location, self.headers_of_answer = answer.headers.get("Location"), answer.headers
        return answer.text if "Content-Disposition" not in answer.headers else ""


def tokens_in(page: str) -> set[str]:
    """The unmasked CSRF tokens in the page's forms."""
    return {unmask(masked).decode() for masked in FIELD.findall(page)}


def words(page: str) -> str:
    """The visible text on one line."""
    page = re.sub(r"(?s)<(script|style|template)\b.*?</\1>", " ", page)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def path_of(community: str, page: str = "") -> str:
    return f"/communities/{community}{page}"
