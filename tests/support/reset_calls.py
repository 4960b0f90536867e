"""A forgotten password: asking for the mail, and using its link."""

from __future__ import annotations

from support.account_calls import bare
from support.app_fixtures import Site
from support.mailbox import path_in
from support.page_calls import Reader

RESET, NEW = "/api/auth/password-reset", "launch at dusk"


def ask(site: Site, email: str = "ayesha@example.com", **request):
    return bare(site).post(RESET, json={"email": email}, **request)


def mailed(site: Site, mailbox, email: str = "ayesha@example.com") -> str:
    """The path of the link in the newest mail."""
    assert ask(site, email).status_code == 202
    site.services.mail.send_all()
    return path_in(mailbox.wait_for(email.strip().lower(), "Choose a new password"))


def use(site: Site, path: str, status: int = 303, password: str = NEW, **headers: str) -> Reader:
    reader = Reader(site)
    reader.headers |= headers
    reader.page = reader.send(path, status, new_password=password)
    return reader
