"""Gives every request an id, which its response (`X-Request-Id`) and its log lines carry."""

from __future__ import annotations

import re
import secrets
from itertools import count
from typing import Any

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)


class RequestIds:
    """An id is a random prefix of the process and a number: random ids would cost five times as much.

    With `trusts_proxies`, the id that a proxy of ours has set is kept.
    """

    def __init__(self, trusts_proxies: bool) -> None:
        self._trusts_proxies = trusts_proxies
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def of(self, environ: dict[str, Any]) -> str:
        proxy_id: str = environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxies else ""
        if proxy_id and WELL_FORMED.fullmatch(proxy_id):
            return proxy_id
        return f"{self._prefix}-{next(self._numbers):x}"
