"""What an email address, a password and a name have to look like, wherever they come from.

Each function returns what is kept, or raises ValueError with a sentence's end: "must …".
"""

from __future__ import annotations

import re
import unicodedata

from koyjabo.text import N_

LONGEST_EMAIL = 254
LONGEST_LOCAL_PART = 64
EMAIL_TOO_LONG = N_("must not be longer than 254 characters (64 before the @)")
LONGEST_NAME = 200
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
PASSWORD_LENGTH = N_("must have 8 to 128 characters")

UNUSABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""White space, control characters, halves of characters, and what nobody sees."""

DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*")


def email(value: str) -> str:
    """An address as its owner wrote it, in NFC."""
    value = unicodedata.normalize("NFC", value.strip())
    local, _, domain = value.rpartition("@")
    if UNUSABLE.search(value) or "@" in local or not local or not DOMAIN.fullmatch(domain):
        raise ValueError(N_("must be an email address, such as ayesha@example.com"))
    if max(len(value), len(email_key(value))) > LONGEST_EMAIL or len(local) > LONGEST_LOCAL_PART:
        raise ValueError(EMAIL_TOO_LONG)
    return value


def email_key(value: str) -> str:
    """Equal for two spellings of one address: capitals make no difference, nor how accents are composed."""
    composed = unicodedata.normalize("NFC", value.strip())
    return unicodedata.normalize("NFC", composed.casefold())


def password(value: str) -> str:
    """Any characters; nothing but the length is asked for. In NFC, for keyboards compose letters differently."""
    if re.search(r"[\ud800-\udfff]", value):
        raise ValueError("must be a text of whole characters")
    value = unicodedata.normalize("NFC", value)
    if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
        raise ValueError(PASSWORD_LENGTH)
    return value


def name(value: str | None, of: str) -> str:
    """Cut to what fits, on one line; whoever gives none is called what stands before the @ of their address."""
    words = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", value or "").split())
    return words[:LONGEST_NAME].strip() or of.partition("@")[0]
