"""Ids of requests, in responses and log lines."""

import re
import secrets
from itertools import count
from typing import Any

REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)


class RequestIds:
    """Gives every request an id, which appears in the response (`X-Request-Id`) and in log lines. It consists of a
    random per-process prefix and a number, because random ids would take five times as long. With `trusts_proxies`,
    an id set by our proxy is kept.
    """

    def __init__(self, trusts_proxies: bool) -> None:
        self._trusts_proxies = trusts_proxies
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def of(self, environ: dict[str, Any]) -> str:
        proxy_id: str = environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxies else ""
        if proxy_id and REQUEST_ID_PATTERN.fullmatch(proxy_id):
            return proxy_id
        return f"{self._prefix}-{next(self._numbers):x}"
