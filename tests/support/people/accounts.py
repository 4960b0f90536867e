"""People with accounts: `sign_up(site, "ayesha")` returns one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partialmethod
from typing import Any

from koyjabo.base.core.identity import OPERATOR, SITE_ADMIN, SITE_MEMBER
from koyjabo.people.accounts.services import AccountServices
from support.application.site import Site
from support.clients.forms import PASSWORD


@dataclass
class Person:
    """A logged-in user who authenticates with a bearer token and keeps no cookies."""

    site: Site
    id: str
    email: str
    access: str
    refresh: str

    def call(self, method: str, path: str, token: str | None = None, **request: Any):
        headers = {**bearer(token or self.access), **request.pop("headers", {})}
        return bare(self.site).open(path, method=method, headers=headers, **request)

    get, post, put = partialmethod(call, "GET"), partialmethod(call, "POST"), partialmethod(call, "PUT")
    patch, delete = partialmethod(call, "PATCH"), partialmethod(call, "DELETE")

    def renew(self):
        """Use the refresh token, and store the new pair of tokens."""
        answer = self.post("/api/auth/refresh", token=self.refresh)
        if answer.status_code == 200:
            self.access, self.refresh = answer.json["access_token"], answer.json["refresh_token"]
        return answer


def disable(site: Site, email: str, disabled: bool = True) -> None:
    users = site.services[AccountServices].users
    (users.disable if disabled else users.enable)(OPERATOR, users.get_by_email(OPERATOR, email).id)


def confirm(site: Site, name: str) -> None:
    """Confirm the email address, as the link in the email does."""
    site.rows("UPDATE users SET verified_ms = 1 WHERE email = :email", email=f"{name}@example.com")


def promote(site: Site, email: str, is_admin: bool = True) -> None:
    """Make the user an admin, as the operator does."""
    users = site.services[AccountServices].users
    users.set_role(OPERATOR, users.get_by_email(OPERATOR, email).id, SITE_ADMIN if is_admin else SITE_MEMBER)


def new_admin(site: Site, name: str = "rani") -> Person:
    person = sign_up(site, name)
    promote(site, person.email)
    return person


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def bare(site: Site):
    return site.app.test_client(use_cookies=False)


def sign_up(site: Site, name: str = "ayesha", **fields: Any) -> Person:
    """Sign up as `name@example.com`. `fields` override the form."""
    body = {"email": f"{name}@example.com", "password": PASSWORD, "name": name.capitalize(), **fields}
    answer = bare(site).post("/api/auth/signup", json=body)
    if answer.status_code == 503:  # the machine stalled for seconds: try again, as people do
        answer = bare(site).post("/api/auth/signup", json=body)
    return _person(site, answer, 201)


def log_in(site: Site, name: str = "ayesha", **fields: Any) -> Person:
    """Log in as a user who has signed up with `sign_up`."""
    return _person(site, try_login(site, name, **fields), 200)


def try_login(site: Site, name: str = "ayesha", environ: dict[str, str] | None = None, **fields: Any):
    body = {"email": f"{name}@example.com", "password": PASSWORD, **fields}
    return send(bare(site), "/api/auth/login", body, environ_overrides=environ)


def send(client: Any, path: str, body: dict[str, Any], **request: Any):
    """Send JSON as ASCII, because lone surrogates cannot be sent in any other encoding."""
    return client.post(path, data=json.dumps(body), content_type="application/json", **request)


def _person(site: Site, answer: Any, status: int) -> Person:
    assert answer.status_code == status, answer.text
    user = answer.json["user"]
    return Person(site, user["id"], user["email"], answer.json["access_token"], answer.json["refresh_token"])
