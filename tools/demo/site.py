"""The server, as the people of the demo reach it."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any, NamedTuple

PATIENCE_S = 15.0


class Device(NamedTuple):
    """Where somebody is, and with which browser."""

    address: str
    agent: str

    @property
    def headers(self) -> dict[str, str]:
        """A development server believes its own machine whom it speaks for."""
        return {"X-Forwarded-For": self.address, "User-Agent": self.agent}


class Refusal(Exception):
    """The server answered, and not as was hoped; `status` is that of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answered with {status}")
        self.status = status


class Site:
    def __init__(self, host: str, port: int) -> None:
        self.host = f"[{host}]" if ":" in host else host
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def call(
        self, method: str, path: str, body: Any = None, device: Device | None = None, token: str | None = None
    ) -> Any:
        """JSON of the answer, None where it has none. Raises Refusal, OSError, HTTPException, ValueError."""
        headers = {"Content-Type": "application/json", "Connection": "close", **(device.headers if device else {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection(self.host.strip("[]"), self.port, timeout=PATIENCE_S)  # past every proxy
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refusal(answer.status)
        return json.loads(content) if content else None
