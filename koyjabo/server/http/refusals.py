"""The answers to requests that are not valid HTTP, in the format of all errors."""

from __future__ import annotations

import json
from http import HTTPStatus

ANSWER = (
    b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    b"Referrer-Policy: same-origin\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"Connection: close\r\n\r\n%s"
)


class Refused(Exception):
    """A request that cannot be answered by the application. Nothing may be read after it."""

    def __init__(self, status: HTTPStatus, reason: str = "") -> None:
        super().__init__(reason or status.phrase)
        self.status = status

    def answer(self) -> bytes:
        sentence = f"This is not HTTP that can be served: {self}."
        body = json.dumps({"error": sentence, "code": self.status.name.lower(), "details": {}}).encode()
        return ANSWER % (self.status, self.status.phrase.encode(), len(body), body)
