"""Names in emails. Users choose their own names and the names of communities, and strangers read them in emails from
the operator's address. So names are plain text: mail programs turn anything that looks like an address into a link.
"""

import re
import unicodedata

from koyjabo.base.core.sanitize import DIRECTION_MARKS

OTHER_DOTS = str.maketrans(dict.fromkeys("\u3002\u06d4\u0701\u0702\u2cf9\ua4f8\ua60e\U00010a50", "."))
"""Full stops in other scripts that count as dots in domains (RFC 3490) or look like dots. NFKD replaces the remaining
ones.
"""

OTHER_SLASHES = str.maketrans(dict.fromkeys("\u2044\u2215\u29f8", "/"))

ADDRESS_PART = re.compile(
    r"//|\\\\|www\.|\w@\w|\d{1,3}(?:\.\d{1,3}){3}"
    r"|[^\s.]\.(?:xn--|(?![\u0980-\u09ff])[^\W\d_]{2}|(?:বল|ভরত|ভৰত)\b)",
    re.IGNORECASE,
)
"""Parts of a name that mail programs may turn into a link: a scheme, a Windows path, `www.`, an email, an IPv4 address,
or a domain (a dot followed by two letters). Bangla abbreviations look like domains (মো.করিম), so Bangla letters
match only in the top-level domains বাংলা, ভারত and ভাৰত, written here without their vowel signs.
"""


def mailable(name: str) -> str:
    """A name on one line that is safe in an email: without invisible characters and characters that change the text
    direction; "" if it contains an address.
    """
    shown = "".join(" " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in name)
    shown = " ".join(DIRECTION_MARKS.sub("", shown).split())
    return "" if ADDRESS_PART.search(_plain(shown)) else shown


def _plain(text: str) -> str:
    """A text as people and mail programs read it: normalised, without marks and invisible characters."""
    letters = unicodedata.normalize("NFKD", text).translate(OTHER_DOTS).translate(OTHER_SLASHES)
    return "".join(character for character in letters if unicodedata.category(character)[0] not in "MC")
