"""Checks the AUTH_… settings, as `koyjabo.settings.checks` does for the other settings."""

from __future__ import annotations

import re

PUBLIC_KEYS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SHARED_SECRETS = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Minimum length of the secret for each algorithm, bytes (RFC 7518, 3.2)."""

NO_CLAIMS = "none"
"""Value of AUTH_REQUIRED_CLAIMS if the other system does not mark its access tokens with a claim."""


NAME = re.compile(r"[!-~]{1,200}")
"""An issuer, an audience, or a claim name."""


def name(value: str) -> str:
    """Check a name. Raises ValueError."""
    if not NAME.fullmatch(value):
        raise ValueError("should be at most 200 printable ASCII characters, without spaces")
    return value


def algorithms(value: str) -> str:
    """Check a list of algorithms. Raises ValueError."""
    names = [part.strip() for part in value.split(",")]
    if not set(names) <= {*PUBLIC_KEYS, *SHARED_SECRETS}:
        known = ", ".join((*PUBLIC_KEYS, *SHARED_SECRETS))
        raise ValueError(f"should be one or more of {known}, separated by commas")
    return ",".join(dict.fromkeys(names))


def required_claims(value: str) -> str:
    """Check a list of claims. Raises ValueError."""
    pairs = [part.strip() for part in value.split(",")]
    if pairs != [NO_CLAIMS] and not all(name and text for name, _, text in (pair.partition(":") for pair in pairs)):
        raise ValueError("should be comma-separated claims such as token_type:access, or none")
    return ",".join(pairs)
