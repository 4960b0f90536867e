"""The language of pages: the visitor's choice, or else the browser's preference. Numbers and times follow the
conventions of the language (specification: The web app).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal
from babel.units import format_unit
from flask import Flask, g, request
from flask_babel import Babel, force_locale, gettext, gettext as _
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from koyjabo.base.core.clock import DAY_MS, iso
from koyjabo.base.core.i18n import LANGUAGE_DIGITS, LANGUAGES, Filled, name_in
from koyjabo.base.network import location_names
from koyjabo.base.network.location_names import OTHER_LOCATIONS, UNKNOWN_LOCATION
from koyjabo.base.network.user_agents import Browser
from koyjabo.base.settings.schema import Settings
from .current import current
from .http import cookies

LANGUAGE_COOKIE, LANGUAGE_S = "language", 365 * 86400
BANGLA = re.compile("[\u0980-\u09ff]")
SIZE_UNITS = (("gigabyte", 10**9), ("megabyte", 10**6), ("kilobyte", 10**3), ("byte", 1))
MONTH_FORMAT = {"bn": "MMMM"}
"""Month format by language, for languages that do not abbreviate months."""

MINUTE_FORMAT = "d MMM y, HH:mm"


def init_app(app: Flask) -> None:
    Babel(app, locale_selector=language)
    of_numbers = count, percent, share, decimal, digits, size, spent
    of_times = period, moment, second, exact, age, day, time_of_day, duration
    for filter_ in (*of_numbers, *of_times, translated, place, flag, name_of, named, description_of, lang):
        app.jinja_env.filters[filter_.__name__] = _when_rendered(filter_)
    app.jinja_env.globals.update(language=language, languages=LANGUAGES, place_words=place_words)
    app.jinja_env.globals.update(
        site_name=site_name,
        offers_bangla=offers_bangla,
        zone_name=lambda: current().clock.zone.key,
        active_window=lambda: duration(current()[Settings].active_window_seconds),
    )


def site_name() -> str:
    """The site's name in the language of the current request."""
    return current()[Settings].name_in(language())


def offers_bangla() -> bool:
    """Whether pages have the switch to Bangla, and forms fields for it: on a site that speaks it, or to a reader who
    does.
    """
    spoken = language(), *request.accept_languages.values()
    return current()[Settings].speaks_bangla or any(code.lower().startswith("bn") for code in spoken)


def name_of(community: Any) -> str:
    """A community's name in the language of the current request. `community` has `name` and `name_bn`."""
    return name_in(language(), community.name, community.name_bn)


def named(community: Any) -> Markup:
    """The name as an element, with its language if that is not the page's."""
    name = name_of(community)
    return Markup("<bdi{}>{}</bdi>").format(lang(name), name)


def description_of(community: Any) -> str:
    """A community's description in the language of the current request."""
    return name_in(language(), community.description, community.description_bn)


def lang(text: str) -> Markup:
    """The attribute of an element with this text, if its language is not the page's. A text without Bangla letters
    counts as English.
    """
    written = "bn" if BANGLA.search(text) else "en"
    return Markup(f' lang="{written}"' if written != language() else "")


def _when_rendered(filter_: Callable[..., object]) -> Callable[..., object]:
    """A filter that Jinja applies at each rendering. Otherwise, Jinja could apply it when the template is compiled, in
    another language.
    """

    @pass_context
    def applied(_context: Context, *values: object, **options: object) -> object:
        return filter_(*values, **options)

    return applied


def language() -> str:
    """The language code of the current request."""
    if "language" not in g:
        g.language = chosen_language() or request.accept_languages.best_match(list(LANGUAGES)) or "en"
    code: str = g.language
    return code


def chosen_language() -> str | None:
    """The language that the visitor has chosen on a page, or None."""
    chosen = cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else None


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Switch to another language for part of a page."""
    own, g.language = language(), code
    with force_locale(code):
        yield
    g.language = own


def translated(text: object) -> str:
    """Translate a text from a variable. Unlike `_()`, does not interpret placeholders or HTML in the text."""
    if isinstance(text, Filled):
        values = {name: count(value) if isinstance(value, int) else value for name, value in text.values.items()}
        return str(gettext(text.template)) % values
    return str(gettext(str(text)))


def reason_in_words(error: str) -> Markup:
    """Why something failed: a translated sentence, or the message from the system, in English."""
    translation = translated(error)
    template = Markup('<span lang="en">{}</span>') if translation == error else Markup("{}")
    return template.format(translation)


def place(name: str) -> str:
    """The location of a visit, a session or an action; "" if unknown."""
    return (
        translated(name)
        if name in (UNKNOWN_LOCATION, OTHER_LOCATIONS)
        else location_names.in_language(name, language())
    )


def flag(name: str) -> Markup:
    """The flag of a location or a country code, hidden from screen readers."""
    text = location_names.flag_of(name)
    return Markup('<span aria-hidden="true">{}</span> ').format(text) if text else Markup("")


def browser_name(browser: Browser) -> str:
    """A name such as "Chrome on Android", or only the known part."""
    name, system = browser
    if name and system:
        return str(_("%(browser)s on %(system)s", browser=name, system=system))
    return name or system or str(_("Unknown browser"))


def place_words() -> dict[str, str]:
    """The words that webkit/places.js needs in addition to country names (browsers know these), by English name."""
    return {UNKNOWN_LOCATION: _("Unknown"), OTHER_LOCATIONS: _("Other"), **location_names.words(language())}


def count(number: int) -> str:
    return number_in(language(), number)


# Babel takes 43 µs for each number, and a page of the panel has many, most of them small.
@lru_cache(maxsize=4096)
def number_in(language: str, number: int) -> str:
    """Group and format a number with the digits of `language`, which may not be the page's."""
    return format_decimal(number, locale=language).translate(LANGUAGE_DIGITS.get(language, {}))


def percent(number: float) -> str:
    """Format a percentage: `14.5` becomes `14.5%`."""
    return digits(format_decimal(round(number, 2), locale=language())) + "%"


def share(percent: float) -> str:
    """Format a percentage with exactly one decimal, so that columns line up: `8.0%`."""
    return decimal(percent) + "%"


def decimal(number: float) -> str:
    """Format a number with exactly one decimal: `3.6`."""
    return digits(format_decimal(number, "#,##0.0", locale=language()))


def digits(text: object) -> str:
    """Convert the digits in a text to the language's script."""
    return str(text).translate(LANGUAGE_DIGITS.get(language(), {}))


def moment(at_ms: int, pattern: str = MINUTE_FORMAT) -> Markup:
    """A time in TIMEZONE as a `<time>` element, to the minute."""
    return Markup('<time datetime="{}">{}</time>').format(iso(at_ms), _local(at_ms, pattern))


def second(at_ms: int) -> str:
    """Time to the second in TIMEZONE."""
    return _local(at_ms, "HH:mm:ss")


def exact(at_ms: int) -> str:
    """Date and time to the second in TIMEZONE, with the zone's name."""
    return f"{_local(at_ms, 'd MMM y, HH:mm:ss')} ({current().clock.zone.key})"


def age(at_ms: int, pattern: str = MINUTE_FORMAT) -> Markup:
    """A time in the format `pattern` as a `<time>` element, which parts/ages.js turns into "12 s ago". `data-age` is
    the age in ms, so the browser's clock does not matter. `title` has the seconds and the zone. With an empty pattern,
    the time replaces the age after `data-until`, an hour in ms.
    """
    until = "" if pattern else ' data-until="3600000"'
    element = f'<time datetime="{{}}" data-age="{{}}"{until} title="{{}}">{{}}</time>'
    age_ms = current().clock.now_ms() - at_ms
    return Markup(element).format(iso(at_ms), age_ms, exact(at_ms), _local(at_ms, pattern))


def _local(at_ms: int, pattern: str) -> str:
    """A time in TIMEZONE. An empty pattern has the time of day, and after a day the date."""
    pattern = pattern or ("HH:mm" if current().clock.now_ms() - at_ms < DAY_MS else "d MMM, HH:mm")
    local = datetime.fromtimestamp(at_ms / 1000, current().clock.zone).replace(tzinfo=None)
    return _time(local, pattern)


def weekday(iso: str, is_short: bool = False) -> str:
    """The name of a day's weekday, in full or abbreviated."""
    return str(format_date(date.fromisoformat(iso), "EEE" if is_short else "EEEE", locale=language()))


def day(iso: str, has_weekday: bool = False) -> str:
    """Format a day: `21 Nov 2026`, or `Sat 21 Nov 2026`. Any other text is returned unchanged."""
    try:
        return _time(datetime.fromisoformat(iso), "EEE d MMM y" if has_weekday else "d MMM y")
    except ValueError:
        return iso


def time_of_day(local: str) -> str:
    """Hour and minute of a local time (`2026-11-20T14:00:00+06:00`)."""
    return digits(local[11:16])


def duration(seconds: int) -> str:
    """Format a duration: `42 seconds`, `5 minutes`."""
    return digits(format_timedelta(timedelta(seconds=seconds), threshold=2, locale=language()))


def spent(seconds: int) -> str:
    """Format a length of time in its two largest units: `2 m 10 s`, `1 h 5 m`, `0 s`. `figures.js` does the same."""
    units = (gettext("%(count)s h"), gettext("%(count)s m"), gettext("%(count)s s"))
    parts = list(zip((seconds // 3600, seconds // 60 % 60, seconds % 60), units, strict=True))
    first = 0 if seconds >= 3600 else 1 if seconds >= 60 else 2
    shown = [parts[first], *(part for part in parts[first + 1 : first + 2] if part[0])]
    return " ".join(words % {"count": count(number)} for number, words in shown)


def period(iso: str, step: str, has_weekday: bool = False) -> str:
    """Format the start of a minute or hour (`2026-11-20T14:00:00+06:00`), a day or a week (`2026-11-20`), without the
    year.

    `has_weekday` applies to days and hours.
    """
    pattern = {"minute": "HH:mm", "hour": "d MMM, HH:mm"}.get(step, "d MMM")
    if has_weekday and step in ("hour", "day"):
        pattern = f"EEE {pattern}"
    return _time(datetime.fromisoformat(iso).replace(tzinfo=None), pattern)


def clock_time(at_ms: int) -> str:
    """The time in TIMEZONE (`21:52:10`), with the day unless it is today."""
    clock = current().clock
    return _local(at_ms, "HH:mm:ss" if clock.bucket(at_ms).day == clock.today() else "d MMM, HH:mm:ss")


def size(number: int) -> str:
    """Format a number of bytes in the largest unit that fits: `12 MB`, `3.4 GB`."""
    unit, length = next(((unit, length) for unit, length in SIZE_UNITS if number >= length), SIZE_UNITS[-1])
    if unit == "byte":
        return digits(format_unit(number, unit, locale=language()))  # 12 bytes: the short form would be "12 byte"
    return digits(format_unit(round(number / length, 1), unit, "short", locale=language()))


def _time(local: datetime, pattern: str) -> str:
    """Format a time. Bangla months are not abbreviated, because no one writes `এপ্রি`."""
    return digits(
        format_datetime(local, pattern.replace("MMM", MONTH_FORMAT.get(language(), "MMM")), locale=language())
    )
