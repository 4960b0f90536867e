"""The answer of a handler, whether Flask or a lane called it."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from flask import Response
from werkzeug.http import HTTP_STATUS_CODES


class Answer(NamedTuple):
    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: str = ""

    @property
    def status_line(self) -> str:
        """As Werkzeug writes it."""
        return f"{self.status.value} {HTTP_STATUS_CODES[self.status.value].upper()}"


def as_response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, answer.headers)
    if not any(name == "Content-Type" for name, _ in answer.headers):
        del response.headers["Content-Type"]
    return response
