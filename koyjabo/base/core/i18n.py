"""Languages, and the marker for translatable sentences."""

LANGUAGES = {"en": "English", "bn": "বাংলা"}
"""The languages of pages and emails, as their own names by code. The first one is the default."""

LANGUAGE_DIGITS = {"bn": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")}
ASCII_DIGITS = {written: digit for digits in LANGUAGE_DIGITS.values() for digit, written in digits.items()}
DIGIT_SEPARATORS = ",.'’٬ \u00a0\u202f"
"""Characters that separate groups of digits in a language (CLDR)."""


def name_in(language: str | None, name: str, name_bn: str) -> str:
    """The name or description to show in a language ("en", "bn"). `name_bn` is the one in Bangla, or ""."""
    return (language == "bn" and name_bn) or name


class Filled(str):
    """An English sentence that is translated as `template`, before its `values` are filled in."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> "Filled":
        sentence = super().__new__(cls, template % values)
        sentence.template, sentence.values = template, values
        return sentence


def N_(sentence: str) -> str:  # noqa: N802  (the name that pybabel looks for)
    """Mark a sentence for the translation catalogues. Pages translate it when they show it."""
    return sentence
