"""Every request has an id, in its answer (`X-Request-Id`) and in each line of the log that is about it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from itertools import count
from typing import Any

from flask import Flask

from koyjabo.observability.request_context import request_id

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)


def init_app(app: Flask, trusts_proxies: bool) -> None:
    """In front of all others. Where there are proxies of ours, the id they gave it is kept."""
    app.wsgi_app = RequestIds(app.wsgi_app, trusts_proxies)  # type: ignore[method-assign]


class RequestIds:
    """Ids are a random beginning for each process, and a number: random ones would cost five times as much."""

    def __init__(self, app: Any, trusts_proxies: bool) -> None:
        self._app = app
        self._trusts_proxies = trusts_proxies
        self._beginning = secrets.token_hex(6)
        self._numbers = count(1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        found = self._given(environ) or f"{self._beginning}-{next(self._numbers):x}"
        request_id.set(found)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            headers.append((HEADER, found))
            return start_response(status, headers, *error)

        return self._app(environ, start)

    def _given(self, environ: dict[str, Any]) -> str | None:
        given = environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxies else ""
        return given if given and WELL_FORMED.fullmatch(given) else None
