"""People with two-step login: their authenticator app, and the steps of a login."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any, NamedTuple

import pyotp

from support.application.site import Site
from support.people.accounts import PASSWORD, Person, bare, try_login

STEP_S = 30
TOTP, CONFIRM, SECOND = "/api/auth/totp", "/api/auth/totp/confirm", "/api/auth/second-factor"


@dataclass
class App:
    """An authenticator app on a phone, with the recovery codes."""

    site: Site
    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, steps: int = 0) -> str:
        """The current code, or the code `steps` intervals later."""
        return pyotp.TOTP(self.secret).at(self.site.time.ms // 1000 + steps * STEP_S)

    def next_code(self) -> str:
        """An unused code, after advancing the clock to the next interval."""
        self.site.time.pass_(seconds=STEP_S)
        return self.code()


def secret_in(page: str) -> str:
    """The secret for an authenticator app, on a page."""
    return re.search(r"otpauth://[^\"]*secret=([A-Z2-7]+)", unescape(page))[1]


def token_in(page: str) -> str:
    """The token of a login step, on a page."""
    return re.search(r'name="token" value="([^"]+)"', page)[1]


def turn_on(person: Person) -> App:
    """Turn on two-step login. The session stays valid, and the current code is used up."""
    answer = person.post(TOTP, json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    app = App(person.site, answer.json["secret"])
    answer = person.post(CONFIRM, json={"code": app.code()})
    assert answer.status_code == 200, answer.text
    app.recovery_codes = answer.json["recovery_codes"]
    return app


class Due(NamedTuple):
    token: str
    methods: list[str]


def first_step(site: Site, name: str = "ayesha", **fields: Any) -> Due:
    """Log in with a password, the first step, which returns no tokens."""
    answer = try_login(site, name, **fields)
    assert answer.status_code == 200, answer.text
    assert list(answer.json) == ["second_factor"], answer.text
    assert answer.headers.getlist("Set-Cookie") == []
    due = answer.json["second_factor"]
    return Due(due["token"], due.get("methods", []))


def second_step(site: Site, token: str, code: str, client: Any = None, **fields: Any) -> Any:
    return (client or bare(site)).post(SECOND, json={"token": token, "code": code, **fields})


def log_in_with(site: Site, code: str) -> Any:
    return second_step(site, first_step(site).token, code)
