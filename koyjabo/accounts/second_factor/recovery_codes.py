"""Recovery codes: ten random texts of 80 bits, each good for one login without the authenticator app."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata

COUNT = 10
LENGTH, GROUP = 16, 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: 5 bits a character, without letters that look like others."""

LOOK_ALIKE = str.maketrans("OIL", "011")


def new_codes() -> list[str]:
    """`7K3Q-XW2M-9D4T-HB6R`"""
    return [_grouped("".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) for _ in range(COUNT)]


def normal(typed: str) -> str:
    """A code as it was meant: without spaces and hyphens, with the digits of any script as 0 to 9. Serves codes of
    authenticator apps as well.
    """
    text = "".join(_digit(each) for each in unicodedata.normalize("NFKC", typed))
    return re.sub(r"[\s\u2010-\u2015-]", "", text).upper()


def is_recovery_code(code: str) -> bool:
    """`code` is normal. Codes of apps have 6 digits."""
    return len(code) == LENGTH


def digest(secret: bytes, user_id: str, code: str) -> str:
    """A keyed hash of a normal code. A code has too many bits to be guessed, so it needs no slow hash."""
    meant = code.translate(LOOK_ALIKE)
    return hmac.digest(secret, f"recovery {user_id} {meant}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)
