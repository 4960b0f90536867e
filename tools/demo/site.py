"""An HTTP client for the server, and the visitors it acts for."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple

TIMEOUT_S = 15.0


class Visitor(NamedTuple):
    """A browser: its visitor id, its address, its user agent, the languages it asks for ("" is none), and the access
    token of a logged-in user.
    """

    id: str
    address: str
    agent: str
    languages: str = ""
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """A development server believes X-Forwarded-For of its own machine."""
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        languages = {"Accept-Language": self.languages} if self.languages else {}
        return {"X-Forwarded-For": self.address, "User-Agent": self.agent, **languages, **token}


class Refusal(Exception):
    """The server answered with an error; `status` is the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with {status}")
        self.status = status


class Site(NamedTuple):
    """A server. `netloc` is `host:port`, with an IPv6 address in brackets."""

    netloc: str

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def call(self, method: str, path: str, body: Any = None, visitor: Visitor | None = None) -> Any:
        """Return the JSON of the answer, or None when it is empty.

        Raises Refusal, OSError, HTTPException, ValueError.
        """
        headers = {"Content-Type": "application/json", "Connection": "close", **(visitor.headers if visitor else {})}
        with closing(HTTPConnection(self.netloc, timeout=TIMEOUT_S)) as connection:  # ignores proxy settings
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status >= 300:
            raise Refusal(answer.status)
        return json.loads(content) if content else None
