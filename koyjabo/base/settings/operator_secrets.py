"""Checks the strength of the operator's secrets, and creates SECRET_KEY if it is kept in a file."""

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from koyjabo.base.core import own_files

CREATION_S = 1.0
"""How long an empty file of a secret may be one that another process is writing, s."""

MIN_SECRET_LENGTH = 32
MIN_CHARACTERS = 8
"""Minimum number of distinct characters. Fewer than 1 in 25 million strings of 32 random hexadecimal digits have
fewer.
"""

PLACEHOLDERS = ("change", "replace", "example", "placeholder", "insecure", "your-", "your_", "not-so-secret", "koyjabo")
RUNS = ("01234567", "12345678", "abcdefgh", "qwerty", "asdfgh")
OBVIOUS_PASSWORDS = {"password", "passw0rd", "passwort", "administrator", "letmein", "welcome", "iloveyou", "admin"}

MAKE_ONE = "make one with python -c 'import secrets; print(secrets.token_hex(32))'"


def weakness(secret: str, shortest: int = MIN_SECRET_LENGTH) -> str | None:
    """Why a secret is weak, as the end of a sentence ("is …"); None if it is strong enough."""
    if len(secret) < shortest:
        return f"is too short: it needs at least {shortest} characters"
    if len(set(secret)) < MIN_CHARACTERS or repeats(secret):
        return "is a pattern that repeats, so it is easy to guess"
    if any(word in secret.lower() for word in PLACEHOLDERS + RUNS):
        return "is a placeholder or a keyboard pattern, which attackers try first"
    return None


def is_obvious(password: str, email: str) -> bool:
    """Whether a password is one of the first that attackers would try for an admin."""
    lower = password.casefold()
    bare = lower.strip("0123456789!@#$%.-_ ")
    local = email.casefold().partition("@")[0]
    is_placeholder = any(word in lower for word in ("change", "example", *RUNS))
    return repeats(lower) or is_placeholder or bare in {"", "koyjabo", local, *OBVIOUS_PASSWORDS}


def repeats(text: str) -> bool:
    """Whether a text repeats its beginning, like `aaaa`, `abcabc` and `abcdabcdab`."""
    return any(text[step:] == text[:-step] for step in range(1, len(text) // 2 + 1))


def load_or_create(path: Path) -> str:
    """Read a secret from a file, and strip surrounding whitespace. A missing file is created, readable only by its
    owner. Raises OSError if that is impossible, and UnicodeDecodeError if the file is not text.
    """
    with suppress(FileExistsError):
        if not path.exists():
            own_files.make_folder(path.parent)
            _store(own_files.create(path), path)
    until = time.monotonic() + CREATION_S
    while not (secret := path.read_text(encoding="utf-8").strip()) and time.monotonic() < until:
        time.sleep(0.01)  # another worker was faster, and is writing it
    return secret


def _store(file: int, path: Path) -> None:
    """Write a new secret. Leaves no file if the disk is full."""
    try:
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(secrets.token_hex(32))
            opened.flush()
            os.fsync(file)  # otherwise a power failure may leave the file empty
    except OSError:
        path.unlink()
        raise
