"""The text of a key: `kj_`, 8 characters of its id, `_`, 43 random base-62 characters, and a 6-character checksum.

The checksum lets source code scanners recognise a key offline, and mistyped keys are refused without a query. 43
characters are 256 random bits, so a slow hash would add no protection, only a tenth of a second per call.
"""

import re
import secrets
import string
from binascii import crc32
from hashlib import sha256

from koyjabo.base.core.identity import KEY_PREFIX

KEY_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_PATTERN = re.compile(rf"{KEY_PREFIX}[0-9a-f]{{8}}_[0-9A-Za-z]{{49}}", re.ASCII)


def new_text(key_id: str) -> str:
    """A new key with this id, a UUID."""
    text = f"{KEY_PREFIX}{key_id[:8]}_" + "".join(secrets.choice(KEY_ALPHABET) for _ in range(43))
    return text + _checksum(text)


def is_key(text: str) -> bool:
    """Whether the text has the form of a key and a valid checksum."""
    return KEY_PATTERN.fullmatch(text) is not None and _checksum(text[:-6]) == text[-6:]


def digest_of(text: str) -> str:
    """The stored form of a key: its SHA-256, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    number = crc32(text.encode())
    return "".join(KEY_ALPHABET[number // len(KEY_ALPHABET) ** at % len(KEY_ALPHABET)] for at in reversed(range(6)))
