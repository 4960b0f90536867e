"""People with accounts, as tests see them: `sign_up(site, "ayesha")` and what they do then."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from koyjabo.accounts.services import AccountServices
from koyjabo.core.identity import OPERATOR, SITE_ADMIN, SITE_MEMBER
from support.application.site import Site
from support.clients.forms import PASSWORD


@dataclass
class Person:
    """A user who is logged in, and calls with their token as bearer; nothing is kept in cookies."""

    site: Site
    id: str
    email: str
    access: str
    refresh: str

    def call(self, method: str, path: str, token: str | None = None, **request: Any):
        headers = {**bearer(token or self.access), **request.pop("headers", {})}
        return bare(self.site).open(path, method=method, headers=headers, **request)

    def get(self, path: str, **request: Any):
        return self.call("GET", path, **request)

    def post(self, path: str, **request: Any):
        return self.call("POST", path, **request)

    def put(self, path: str, **request: Any):
        return self.call("PUT", path, **request)

    def patch(self, path: str, **request: Any):
        return self.call("PATCH", path, **request)

    def delete(self, path: str, **request: Any):
        return self.call("DELETE", path, **request)

    def renew(self):
        """Use the refresh token; afterwards, what it was good for."""
        answer = self.post("/api/auth/refresh", token=self.refresh)
        if answer.status_code == 200:
            self.access, self.refresh = answer.json["access_token"], answer.json["refresh_token"]
        return answer


def disable(site: Site, email: str, disabled: bool = True) -> None:
    """As the operator does."""
    users = site.services[AccountServices].users
    users.disable(OPERATOR, users.get_by_email(OPERATOR, email).id, disabled)


def confirm(site: Site, name: str) -> None:
    """As if they had used the link that was mailed to them."""
    site.rows("UPDATE users SET verified_ms = 1 WHERE email = :email", email=f"{name}@example.com")


def promote(site: Site, email: str, is_admin: bool = True) -> None:
    """As the operator does."""
    users = site.services[AccountServices].users
    users.set_role(OPERATOR, users.get_by_email(OPERATOR, email).id, SITE_ADMIN if is_admin else SITE_MEMBER)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def bare(site: Site):
    """A client without cookies."""
    return site.app.test_client(use_cookies=False)


def sign_up(site: Site, name: str = "ayesha", **fields: Any) -> Person:
    """`name@example.com`, unless `fields` say otherwise."""
    body = {"email": f"{name}@example.com", "password": PASSWORD, "name": name.capitalize(), **fields}
    return _person(site, bare(site).post("/api/auth/signup", json=body), 201)


def log_in(site: Site, name: str = "ayesha", **fields: Any) -> Person:
    """The same for a user who has signed up."""
    return _person(site, try_login(site, name, **fields), 200)


def try_login(site: Site, name: str = "ayesha", environ: dict[str, str] | None = None, **fields: Any):
    body = {"email": f"{name}@example.com", "password": PASSWORD, **fields}
    return send(bare(site), "/api/auth/login", body, environ_overrides=environ)


def send(client: Any, path: str, body: dict[str, Any], **request: Any):
    """As JSON in ASCII, for half characters travel in no other way."""
    return client.post(path, data=json.dumps(body), content_type="application/json", **request)


def _person(site: Site, answer: Any, status: int) -> Person:
    assert answer.status_code == status, answer.text
    user = answer.json["user"]
    return Person(site, user["id"], user["email"], answer.json["access_token"], answer.json["refresh_token"])
