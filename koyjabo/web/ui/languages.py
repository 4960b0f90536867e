"""The languages of pages: the visitor's choice, otherwise the browser's preference.

Numbers and times are written as usual in that language (specification: The web app).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from flask import Flask, g, request
from flask_babel import Babel, gettext
from markupsafe import Markup

from koyjabo.clock import iso
from koyjabo.text import DIGITS, LANGUAGES
from koyjabo.web.security import cookies

LANGUAGE_COOKIE, LANGUAGE_S = "language", 365 * 86400


def init_app(app: Flask, zone: ZoneInfo) -> None:
    Babel(app, locale_selector=language)
    app.jinja_env.filters.update(count=count, percent=percent, digits=digits, translated=translated, period=period)
    app.jinja_env.filters["moment"] = lambda at_ms: moment(at_ms, zone)
    app.jinja_env.globals.update(language=language, languages=LANGUAGES)


def language() -> str:
    """The code of the language of the current request."""
    if "language" not in g:
        chosen = cookies.get(LANGUAGE_COOKIE)
        preferred = request.accept_languages.best_match(list(LANGUAGES)) or "en"
        g.language = chosen if chosen in LANGUAGES else preferred
    code: str = g.language
    return code


def translated(text: object) -> str:
    """Translate a text that comes from a variable. Unlike `_()`, it does not interpret placeholders or HTML in it."""
    return str(gettext(str(text)))


def count(number: int) -> str:
    return digits(format_decimal(number, locale=language()))


def percent(number: float) -> str:
    """`number` is in percent: `14.5` becomes `14.5 %`."""
    return digits(format_decimal(number, "#,##0.##", locale=language())) + "\u202f%"


def digits(text: object) -> str:
    """The digits of a text, in the script of the language."""
    return str(text).translate(DIGITS.get(language(), {}))


def moment(at_ms: int, zone: ZoneInfo) -> Markup:
    """Day and minute in `zone`, as a `<time>` element."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)
    text = digits(format_datetime(local, "d MMM y, HH:mm", locale=language()))
    return Markup('<time datetime="{}">{}</time>').format(iso(at_ms), text)


def duration(seconds: int) -> str:
    """`42 seconds`, `5 minutes`"""
    return digits(format_timedelta(timedelta(seconds=seconds), threshold=2, locale=language()))


def period(iso: str, step: str) -> str:
    """The start of an hour (`2026-11-20T14:00:00+06:00`), a day or a week (`2026-11-20`), without the year."""
    pattern = "d MMM, HH:mm" if step == "hour" else "d MMM"
    return digits(format_datetime(datetime.fromisoformat(iso).replace(tzinfo=None), pattern, locale=language()))
