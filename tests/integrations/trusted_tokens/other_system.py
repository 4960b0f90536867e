"""Another system with its own users, which signs tokens with a shared secret, as Citinfos does."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt

SHARED = "53d0c7b1e9f2486aa41fd7c06b8e35925cc4c1d0"
AUTH = {  # the settings that docs/integrate.md gives for Simple JWT
    "AUTH_SHARED_SECRET": SHARED,
    "AUTH_USER_CLAIM": "user_id",
    "AUTH_REQUIRED_CLAIMS": "token_type:access",
}


def token(user: str = "u1", secret: str = SHARED, **claims: Any) -> str:
    """A signed token. Claims that are None are omitted."""
    made = {"user_id": user, "token_type": "access", "exp": int(time.time()) + 3600, "jti": uuid.uuid4().hex, **claims}
    return jwt.encode({name: value for name, value in made.items() if value is not None}, secret, "HS256")
