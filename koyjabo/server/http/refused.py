"""The response to a request that the application never gets."""

import json
from http import HTTPStatus

from koyjabo.base.core.status_codes import code_of

REFUSAL_RESPONSE = (
    b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Cache-Control: no-store\r\n%sX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    b"Referrer-Policy: same-origin\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"Connection: close\r\n%s\r\n%s"
)

OTHER_PROTOCOL_SENTENCE = b"This port speaks plain HTTP. For HTTPS, put a proxy in front of it.\n"
OTHER_PROTOCOL_RESPONSE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s"
) % (len(OTHER_PROTOCOL_SENTENCE), OTHER_PROTOCOL_SENTENCE)
"""The response to a client of another protocol, such as TLS."""

ALLOW_ANY_ORIGIN = b"Access-Control-Allow-Origin: *\r\n"
RETRY_HEADERS = {HTTPStatus.SERVICE_UNAVAILABLE: b"Retry-After: 1\r\nAccess-Control-Expose-Headers: Retry-After\r\n"}


class Refused(Exception):
    """The request cannot be passed to the application. Nothing more may be read from its connection."""

    def __init__(self, status: HTTPStatus, reason: str = "") -> None:
        super().__init__(reason or status.phrase)
        self.status = status

    def response(self, cors: bytes = ALLOW_ANY_ORIGIN) -> bytes:
        """The response. `cors` has the headers that let a page read it."""
        sentence = f"This request cannot be handled: {self}."
        body = json.dumps({"error": sentence, "code": code_of(self.status), "details": {}}).encode()
        retry_after = RETRY_HEADERS.get(self.status, b"")
        return REFUSAL_RESPONSE % (self.status, self.status.phrase.encode(), len(body), cors, retry_after, body)
