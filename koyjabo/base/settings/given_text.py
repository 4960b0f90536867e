"""Cleans the texts that people and programs give for settings: in the environment, a file or a form."""

import re
import unicodedata
from urllib.parse import unquote

from koyjabo.base.core.i18n import N_, Filled
from koyjabo.base.core.sanitize import stripped

NOT_IN_A_LINE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, lone surrogates and line breaks."""

INVISIBLE_CHARACTER = re.compile("[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Zero-width characters, and marks that change the direction of text. Bangla needs the joiners U+200C and U+200D."""

QUOTED_SETTING = re.compile("\"[^\"]*\"|'[^']*'|“[^“”]*”|‘[^‘’]*’", re.DOTALL)
KEY_SETTINGS = {"AUTH_PUBLIC_KEY", "AUTH_SHARED_SECRET", "SECRET_KEY"}
"""Settings that may have several lines."""


def cleaned(name: str, text: str) -> str:
    """The `stripped` value of a setting. Raises ValueError, with the end of a sentence, for an invisible character,
    also percent-encoded in a URL, and for quotation marks around the value.
    """
    value = stripped(text)
    for character in unquote(value) if name.endswith("_URL") else value:
        is_break = character in "\r\n\t" and name in KEY_SETTINGS
        if INVISIBLE_CHARACTER.match(character) or (unicodedata.category(character) in NOT_IN_A_LINE and not is_break):
            raise ValueError(
                Filled(N_("has the invisible character %(code)s: remove it"), code=f"U+{ord(character):04X}")
            )
    if QUOTED_SETTING.fullmatch(value):
        raise ValueError(N_("is in quotation marks: remove them"))
    return value
