"""The languages of people, and the mark of sentences for translation."""

from __future__ import annotations

LANGUAGES = {"en": "English", "bn": "বাংলা"}
"""The languages of pages and mails: names in their own language, by code. The first is the default."""

DIGITS = {"bn": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")}
ASCII_DIGITS = {written: digit for digits in DIGITS.values() for digit, written in digits.items()}


def N_(sentence: str) -> str:  # noqa: N802  (the mark that pybabel looks for)
    """Mark a sentence for the translation catalogues; pages translate it when they show it."""
    return sentence
