"""The text of a key: `kj_`, 8 characters of its id, `_`, 43 random base-62 characters, and a 6-character checksum.

The checksum lets source code scanners recognise a key offline, and mistyped keys are refused without a query. 43
characters are 256 random bits, so a slow hash would add no protection (decision 92).
"""

from __future__ import annotations

import re
import secrets
import string
from binascii import crc32
from hashlib import sha256

from koyjabo.core.identity import KEY_PREFIX

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECKSUM = 43, 6
OF_ID = 8
KEY = re.compile(rf"{KEY_PREFIX}[0-9a-f]{{{OF_ID}}}_[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}", re.ASCII)


def prefix_of(key_id: str) -> str:
    """The visible beginning of a key, which rotation does not change."""
    return KEY_PREFIX + key_id[:OF_ID]


def make(key_id: str) -> str:
    """A new key with this id, a UUID."""
    text = f"{prefix_of(key_id)}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return text + _checksum(text)


def is_whole(text: str) -> bool:
    """Whether the text has the form of a key and a valid checksum."""
    return KEY.fullmatch(text) is not None and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def digest(text: str) -> str:
    """The stored form of a key: its SHA-256, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    rest, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
