"""A person who is online, as lists show them."""

import unicodedata
from itertools import pairwise
from typing import NamedTuple

from koyjabo.base.core.clock import iso

VIRAMA_CLASS = 9
"""The combining class of signs that join two consonants."""


class OnlinePerson(NamedTuple):
    """A person who is online."""

    user_id: str
    name: str
    since_ms: int
    tabs: int  # open sockets; 0 during the grace period after a lost connection
    appears_offline: bool = False  # to all others

    @property
    def initials(self) -> str:
        """The first letter of the name's first and last word, or in a script with joined letters, of the first word."""
        words = self.name.split()
        first = _first_letter(words[0])
        return first if len(words) == 1 or len(first) > 1 else first + _first_letter(words[-1])[:1]

    def as_object(self) -> dict[str, str | int]:
        marks = {"appears_offline": True} if self.appears_offline else {}
        return {"user_id": self.user_id, "name": self.name, "since": iso(self.since_ms), "tabs": self.tabs, **marks}


def _first_letter(word: str) -> str:
    """The first letter in capitals, with its vowel sign and the consonants joined to it."""
    end = 1
    for before, sign in pairwise(word):
        if unicodedata.category(sign)[0] != "M" and unicodedata.combining(before) != VIRAMA_CLASS:
            break
        end += 1
    return word[:end].upper()
