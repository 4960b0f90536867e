"""Rules for email addresses, passwords and names, wherever they are entered.

Each function returns the normalised value, or raises ValueError with the end of a sentence, such as "must …".
"""

import re
import unicodedata
from contextlib import suppress

from .domains import ascii_domain
from .i18n import N_
from .sanitize import has_visible, tidy_name

MAX_EMAIL_LENGTH = 254
MAX_LOCAL_PART_LENGTH = 64
EMAIL_TOO_LONG = N_("must not be longer than 254 characters (64 before the @)")
MAX_ACCOUNT_NAME_LENGTH = 200
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 8, 128
PASSWORD_LENGTH = N_("must have 8 to 128 characters")

UNUSABLE_IN_EMAIL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""White space, control characters, surrogates, and invisible characters."""

ZERO_WIDTH_JOINERS = re.compile("[\u200c\u200d]")
"""Invisible, but part of the spelling of words in some scripts. In a domain, IDNA checks their place."""

DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)


def email(value: str) -> str:
    """An address as its owner typed it, in NFC."""
    value = unicodedata.normalize("NFC", value.strip())
    local, _, domain = value.rpartition("@")
    if (
        UNUSABLE_IN_EMAIL.search(local + ZERO_WIDTH_JOINERS.sub("", domain))
        or "@" in local
        or not local
        or not _is_domain(domain)
    ):
        raise ValueError(N_("must be an email address, such as ayesha@example.com"))
    if max(len(value), len(email_key(value))) > MAX_EMAIL_LENGTH or len(local) > MAX_LOCAL_PART_LENGTH:
        raise ValueError(EMAIL_TOO_LONG)
    return value


def _is_domain(text: str) -> bool:
    try:
        return DOMAIN.fullmatch(ascii_domain(text)) is not None
    except ValueError:
        return False


def email_key(value: str) -> str:
    """A key that is the same for all spellings of an address, ignoring case and Unicode composition. The domain is in
    ASCII, so that a domain in another script has the same key. The key of a text that is not an address belongs to no
    account.
    """
    local, at, domain = unicodedata.normalize("NFC", value.strip()).rpartition("@")
    with suppress(ValueError):
        domain = ascii_domain(domain)
    return f"{unicodedata.normalize('NFC', local.casefold())}{at}{domain}"


def password(value: str) -> str:
    """A password in NFC, because keyboards compose letters differently. Only its length is restricted, not its
    characters.
    """
    if re.search(r"[\ud800-\udfff]", value):
        raise ValueError("must be valid Unicode text")
    value = unicodedata.normalize("NFC", value)
    if not MIN_PASSWORD_LENGTH <= len(value) <= MAX_PASSWORD_LENGTH:
        raise ValueError(PASSWORD_LENGTH)
    return value


def name(value: str | None, of: str) -> str:
    """A name on one line, cut to MAX_ACCOUNT_NAME_LENGTH. If it has no visible character, the local part of the email
    address `of` is used, or the whole address if that part is invisible as well.
    """
    words = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", value or "").split())
    names = tidy_name(words)[:MAX_ACCOUNT_NAME_LENGTH].strip(), tidy_name(of.rpartition("@")[0])
    return next(filter(has_visible, names), of)[:MAX_ACCOUNT_NAME_LENGTH]
