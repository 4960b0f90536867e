"""Formats sentences, numbers and times in an email's language and time zone."""

from datetime import UTC, date, datetime
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from babel.support import Translations

from koyjabo.base.core.i18n import LANGUAGE_DIGITS, LANGUAGES

CATALOGUES = Path(__file__).resolve().parents[2] / "translations"


class Localizer:
    """Uses `language` if it is in LANGUAGES, otherwise English. Times are in `zone`."""

    def __init__(self, language: str | None, zone: ZoneInfo) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._zone = zone
        self._catalogue = catalogue(self.language)

    def say(self, sentence: str, **values: str) -> str:
        """Translate a sentence, and fill in `values`. Callers name this method `_`, which marks the sentence, or mark
        it with `N_`.
        """
        translated = self._catalogue.gettext(sentence)
        return translated % values if values else translated

    def count(self, number: int) -> str:
        return self._digits(format_decimal(number, locale=self.language))

    def change(self, now: int, before: int) -> str:
        """The change in percent, `+12%` or `+1,200%`; "" if there was nothing before."""
        if not before:
            return ""
        percent = round(100 * (now - before) / before)
        return f"{'+' if percent >= 0 else ''}{self.count(percent)}%"

    def day(self, day: str) -> str:
        return self._digits(format_date(date.fromisoformat(day), "d MMMM y", locale=self.language))

    def moment(self, at_ms: int) -> str:
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone).replace(tzinfo=None)
        return self._digits(format_datetime(local, "d MMMM y, HH:mm", locale=self.language))

    def _digits(self, text: str) -> str:
        return text.translate(LANGUAGE_DIGITS.get(self.language, {}))


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> NullTranslations:
    """The translations for a language in LANGUAGES."""
    return Translations.load(str(CATALOGUES), [language])
