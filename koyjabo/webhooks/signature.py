"""Signs deliveries as defined by Standard Webhooks 1.0.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_SIZE = 32
"""Size of a secret, bytes. The standard allows 24 to 64."""


def new_secret() -> str:
    """A new secret as receivers get it: `whsec_` and random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_SIZE)).decode()


def headers(signed_by: Sequence[str], webhook_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of an attempt at `at_s` (s since 1970 UTC), with a signature for each secret."""
    content = f"{webhook_id}.{at_s}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in signed_by),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()
