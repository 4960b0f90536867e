"""The table *settings*: each setting of the schema, and the keys in files, by five ways in.

A kind of setting has one rule: its check in the schema, or the setting's name where its outcomes are its own.
"""

from __future__ import annotations

from itertools import chain
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import AfterValidator

from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.base.settings.schema import Settings
from matrix.table import Table

DISTORTIONS = (
    *("line break", "CRLF", "spaces", "quotes", "empty", "BOM"),
    *("other case", "other digits", "other unit", "twice", "neighbour"),
)
ENVIRONMENT, DOTENV, FORM, COMMAND, FILE = PLACES = ("environment", ".env", "form", "command", "file")

FOLDER = "FOLDER"
"""A placeholder for the folder of a test in values."""

KEY = "6f1d2c9a84b7e053d4c1f6a29b80e735"
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""  # RFC 8410, 10.1
ISSUER = "https://auth.example.com/7"
LETTERS = "কখগঘঙচছজঝঞটঠডঢণত"
BANGLA = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
KEY_IN_FILE, PEM_IN_FILE = FILES = ("file of SECRET_KEY", "file of AUTH_PUBLIC_KEY")


class Rule(NamedTuple):
    """What happens to one kind of setting."""

    letters: str  # by DISTORTIONS, as in a row of a table
    value: str = ""  # a valid value, which the distortions change
    other_case: str = ""  # of URLs: scheme and host
    other_digits: str = ""
    other_unit: str = ""  # another notation, or the longest text of letters with three bytes
    says: str = ""  # the refusal of a value, in all ways in


RULES = {
    "text": Rule("mmmrmmcccmc", "Rail Count 7", "RAIL COUNT 7", "Rail Count ৭", "ক" * 60),
    "switch": Rule("mmmrmm-rrmr", "1", "", "১", "100 %", "be 1 or 0"),
    "choice": Rule("mmmrmmrrrmr", "", "", "১", "yes", "be '"),
    "number": Rule("mmmrmm-rrmr", "", "", "", "5m", "be a whole number"),
    "colour": Rule("mmmrmmmrrmr", "#2f5488", "#2F5488", "#২f৫৪৮৮", "rgb(47, 84, 136)", "should be a colour"),
    "url": Rule(
        *("mmmrmmmcrmc", "https://app.example.com/7", "HTTPS://APP.EXAMPLE.COM/7", "https://app.example.com/৭"),
        *("app.example.com/7", "should be a URL"),
    ),
    "origin": Rule(
        *("mmmrmmmrrmr", "https://a.example:8443", "HTTPS://A.EXAMPLE:8443", "https://a.example:৮৪৪৩"),
        *("a.example:8443", "should be an origin"),
    ),
    "zone_of": Rule("mmmrmmmrrmr", "Etc/GMT-6", "ETC/GMT-6", "Etc/GMT-৬", "+06:00", "There is no time zone"),
    "smtp_server": Rule(
        *("mmmrmmmrrmr", "smtps://live:hush@mail.example:465?from=a@b.example"),
        *("SMTPS://live:hush@MAIL.EXAMPLE:465?from=a@b.example", "smtps://live:hush@mail.example:৪৬৫?from=a@b.example"),
        *("mail.example:465", "is not the URL of a mail server"),
    ),
    "absolute_path": Rule(
        *("mmmrmmccrmr", "FOLDER/koyjabo7", "FOLDER/KOYJABO7", "FOLDER/koyjabo৭", "./koyjabo7"),
        "should be an absolute path",
    ),
    "time_of_day": Rule("mmmrmm-rrmr", "04:00", "", "০৪:০০", "4:00 AM", "should be a time of day"),
    "address_list": Rule(
        *("mmmrmmmrmmr", "2001:db8::/32,203.0.113.0/24", "2001:DB8::/32,203.0.113.0/24", "২০৩.০.১১৩.০/২৪"),
        *("2001:db8::/32,203.0.113.0/255.255.255.0", "should be comma-separated addresses"),
    ),
    "totals": Rule("mmmrmmrrrmr", "1000,5000", "None", "১০০০,৫০০০", "1k,5k", "should be comma-separated numbers"),
    "page_patterns": Rule(
        *("mmmrmmccrmr", "/posts/7/*", "/POSTS/7/*", "/posts/৭/*", "https://a.example/posts/7/*"),
        "should be * or paths",
    ),
    "origin_list": Rule(
        *("mmmrmmmrrmr", "https://a.example:8443", "HTTPS://A.EXAMPLE:8443", "https://a.example:৮৪৪৩"),
        *("a.example:8443", "should be comma-separated origins"),
    ),
    "ip_address": Rule("mmmrmmmrrmr", "fd00::a7", "FD00::A7", "১২৭.০.০.১", "localhost", "should be an IP address"),
    "email": Rule(
        *("mmmrrmccrmr", "rani7@a.example", "RANI7@A.EXAMPLE", "rani৭@a.example", "Rani <rani7@a.example>"),
        "must be an email address",
    ),
    "password": Rule("mmmrrmcccmc", "Rickshaw at 7", "RICKSHAW AT 7", "Rickshaw at ৭", "ক" * 128),
    "token": Rule(
        *("mmmrmmcrrmr", f"scrape-{KEY}", f"SCRAPE-{KEY}", f"scrape-৭{KEY}", LETTERS, "should have at least 16 "),
    ),
    "text_of": Rule(
        *("mmmrmmrrrmr", PEM, PEM.lower(), PEM.translate(BANGLA), "https://a.example/jwks.json", "AUTH_PUBLIC_KEY"),
    ),
    "token_algorithms": Rule(
        *("mmmrmmrrrmr", "RS256,ES384", "rs256,es384", "RS২৫৬", "RS256 ES384", "should be one or more of"),
    ),
    "token_name": Rule(
        *("mmmrmmcrcmc", ISSUER, ISSUER.upper(), ISSUER.translate(BANGLA), "a" * 200, "printable ASCII"),
    ),
    "required_claims": Rule(
        *("mmmrmmccrmr", "type:access7", "TYPE:ACCESS7", "type:access৭", "type=access7"),
        "should be comma-separated claims",
    ),
    "databases": Rule(
        *("mmmrmmrrrmr", "FOLDER/places7.mmdb", "FOLDER/PLACES7.mmdb", "FOLDER/places৭.mmdb", FOLDER),
        "cannot be read as a MaxMind database",
    ),
    "SITE_BANGLA": Rule("mmmrmm-rrmr", "0", "", "০", "no", "be '"),
    "LOG_LEVEL": Rule("mmmrmmmrrmr", "DEBUG", "debug", "১", "all", "be '"),
    "SECRET_KEY": Rule("mmmrrmccrmr", KEY, KEY.upper(), KEY.translate(BANGLA), LETTERS, "SECRET_KEY is "),
    "DATABASE_URL": Rule(
        *("mmmrmmrcrmr", "sqlite:///live7.db", "SQLITE:///live7.db", "sqlite:///live৭.db", "jdbc:sqlite:live7.db"),
        "DATABASE_URL ",
    ),
    "REDIS_URL": Rule(
        *("mmmrmmrrrmr", "redis://a.example:6379/7", "REDIS://a.example:6379/7", "redis://a.example:৬৩৭৯/7"),
        *("a.example:6379", "REDIS_URL "),
    ),
    "AUTH_SHARED_SECRET": Rule(
        "mmmrmmcccmr", KEY, KEY.upper(), KEY.translate(BANGLA), LETTERS[:11], "is too short: it needs at least 32 bytes"
    ),
}
"""By kind. `choice` and `number` get their values from the schema."""

RULES[KEY_IN_FILE] = RULES["SECRET_KEY"]
RULES[PEM_IN_FILE] = RULES["text_of"]._replace(letters="mmmrrmrrrmr")

DATABASES = ("GEOIP_DATABASE", "ASN_DATABASE")
CHOSEN = {"ENVIRONMENT": "development", "REQUIRE_TWO_FACTOR": "none", "HONOUR_PRIVACY_SIGNALS": "0"}
"""Values for settings whose kind has none that fits."""

NAMES = [*map(str.upper, Settings.model_fields)]
NEEDS = {
    "SMTP_URL": {"PUBLIC_URL": "https://live.example.com"},
    "WEB_CONCURRENCY": {"REDIS_URL": "redis://a.example"},
    "ADMIN_EMAIL": {"ADMIN_PASSWORD": "Rickshaw at 7"},
    "ADMIN_PASSWORD": {"ADMIN_EMAIL": "rani7@a.example"},
    **{key: {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": "live"} for key in ("AUTH_PUBLIC_KEY", PEM_IN_FILE)},
    "AUTH_SHARED_SECRET": {"AUTH_REQUIRED_CLAIMS": "none"},
    **{key: {"ENVIRONMENT": "production"} for key in ("SECRET_KEY", KEY_IN_FILE)},
}
"""Settings that a setting needs."""


def kind_of(name: str) -> str:
    """The rule of a setting. Fails for a new setting whose kind has none."""
    if name in RULES:
        return name
    if name in DATABASES:
        return "databases"
    field = Settings.model_fields[name.lower()]
    if get_origin(field.annotation) is Literal:
        return "choice"
    if field.annotation in (int, bool):
        return "number" if field.annotation is int else "switch"
    check = next(check.func for check in field.metadata if isinstance(check, AfterValidator))
    kind = "text" if check.__qualname__.startswith("one_line") else check.__name__  # type: ignore[union-attr]
    assert kind in RULES, f"{name}: no rule for {kind}"
    return kind


def rule_of(name: str) -> Rule:
    """The rule of a setting, with its own values."""
    kind = kind_of(name)
    rule = RULES[kind]
    if kind == "number":
        value = str(Settings.model_fields[name.lower()].default + 4)
        return rule._replace(value=value, other_digits=value.translate(BANGLA))
    if kind == "choice":
        value = CHOSEN.get(name, get_args(Settings.model_fields[name.lower()].annotation)[-1])
        return rule._replace(value=value, other_case=value.upper() if value.islower() else value.lower())
    return rule._replace(value=CHOSEN.get(name, rule.value))


def neighbours_value(name: str) -> str:
    """The value of the next setting of another kind."""
    name = name.rpartition(" ")[2]
    others = NAMES[NAMES.index(name) + 1 :] + NAMES
    return next(rule_of(other).value for other in others if kind_of(other) != kind_of(name))


def absent_places() -> set[tuple[str, str]]:
    """Settings of the host are neither on a page nor in `koyjabo settings set`. Only keys are in files."""
    here = {(name, place) for name in NAMES if name not in PAGE_SETTINGS for place in (FORM, COMMAND)}
    files = {(name, place) for name in FILES for place in PLACES if place != FILE}
    # Production does not read .env. The form of the mail server has a field for each part of SMTP_URL.
    return here | files | {(name, FILE) for name in NAMES} | {("SECRET_KEY", DOTENV), ("SMTP_URL", FORM)}


ROWS = {name: dict(zip(DISTORTIONS, rule_of(name).letters, strict=True)) for name in chain(NAMES, FILES)}


def texts(letter: str, text: str = "", distortions: tuple[str, ...] = DISTORTIONS) -> dict[tuple[str, str], str]:
    """A text for each cell with this letter: `text`, or the refusal of its rule."""
    cells = [(name, what) for name, row in ROWS.items() for what in distortions if row[what] == letter]
    return {cell: text or rule_of(cell[0]).says for cell in cells}


SETTINGS = Table(
    name="settings",
    test="matrix/test_settings.py::test_a_setting_with_a_distorted_value_has_the_outcome_of_its_row",
    distortions=DISTORTIONS,
    rows="\n".join(f"{name}  {' '.join(row.values())}" for name, row in ROWS.items()),
    says={
        **texts("r"),
        **texts("r", "is in quotation marks", ("quotes",)),
        **{(name, "empty"): f"{name} is missing" for name in ("ADMIN_EMAIL", "ADMIN_PASSWORD", "SECRET_KEY")},
        **dict.fromkeys(((name, "empty") for name in FILES), "is empty"),
        ("BRIDGES", "neighbour"): "has the invisible character U+000A",  # AUTH_PUBLIC_KEY has several lines
    },
    reasons={
        **texts("-", "a digit has no case"),
        **texts("m", "no value is no setting: its default is in force", ("empty",)),
        **texts("c", "any such text is valid", ("neighbour", "other unit")),
        **texts("c", "upper and lower case differ here", ("other case",)),
        **texts("c", "a text may have digits in any script", ("other digits",)),
    },
    places=PLACES,
    absent=frozenset(absent_places()),
    is_quick_in_each_row=True,
)
