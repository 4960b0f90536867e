"""The error that calls raise."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

NO_JSON = "not_json"
"""The code for a response that is not JSON, such as a proxy's error page."""


class ApiError(Exception):
    """An error response: its HTTP status and the server's code, such as `unknown_community`.

    `details` has reasons by field. `retry_after` is the server's `Retry-After` in seconds.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str = "",
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, code, sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.details = details or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.sentence}" if self.sentence else f"{self.status} {self.code}"


def of(answer: HTTPError) -> ApiError:
    """Read the error in a response. Raises OSError or HTTPException if the connection breaks."""
    waits = answer.headers.get("Retry-After") or ""
    retry_after = float(waits) if waits.isdigit() else None
    try:
        said = json.loads(answer.read())
        return ApiError(answer.code, str(said["code"]), str(said["error"]), said.get("details"), retry_after)
    except (ValueError, TypeError, KeyError):
        return ApiError(answer.code, NO_JSON, str(answer.reason), retry_after=retry_after)


BROKEN = (OSError, HTTPException)
"""Errors raised by a request when the connection breaks or the server is down."""
