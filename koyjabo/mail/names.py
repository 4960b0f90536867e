"""Names in mails. Strangers read them under the operator's address, and mail programs make links of what looks like
one: a name must not carry the address of a page.
"""

from __future__ import annotations

import re
import unicodedata

from koyjabo.core.sanitize import DIRECTION_MARKS

DOTS = str.maketrans(dict.fromkeys("\u3002\u06d4\u0701\u0702\u2cf9\ua4f8\ua60e\U00010a50", "."))
"""The full stops of other scripts, which are dots in domains (RFC 3490) or look like them. NFKD replaces the others."""

SLASHES = str.maketrans(dict.fromkeys("\u2044\u2215\u29f8", "/"))

ADDRESS = re.compile(
    r"//|\\\\|www\.|\w@\w|\d{1,3}(?:\.\d{1,3}){3}"
    r"|[^\s.]\.(?:xn--|(?![\u0980-\u09ff])[^\W\d_]{2}|(?:বল|ভরত|ভৰত)\b)",
    re.IGNORECASE,
)
"""A scheme, a path of Windows, `www.`, an email, an IPv4 address, or a domain: a dot with two letters after it.
Abbreviations of Bangla are written so (মো.করিম), so of its letters there are only the top-level domains বাংলা, ভারত and
ভাৰত, here without their vowel signs.
"""


def mailable(name: str) -> str:
    """A name on one line, without characters that have no shape or turn the text around; "" if it has an address."""
    shown = "".join(" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in name)
    shown = " ".join(DIRECTION_MARKS.sub("", shown).split())
    return "" if ADDRESS.search(_plain(shown)) else shown


def _plain(text: str) -> str:
    """As mail programs and people read it: compatible letters, without marks and what has no shape."""
    letters = unicodedata.normalize("NFKD", text).translate(DOTS).translate(SLASHES)
    return "".join(each for each in letters if unicodedata.category(each)[0] not in "MC")
