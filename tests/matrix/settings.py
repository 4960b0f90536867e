"""The table *settings*: each setting of the schema, and the keys in files, by five ways in.

A kind of setting has one rule: its check in the schema, or the setting's name where its outcomes are its own.
"""

from __future__ import annotations

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
    """What happens to one kind of setting. `case` and `digits` differ from a plain translation of the value."""

    letters: str  # by DISTORTIONS, as in a row of a table
    value: str  # a valid value, which the distortions change
    other_unit: str  # another notation, or the longest text of letters with three bytes
    says: str = ""  # the refusal of a value, in all ways in
    case: str = ""
    digits: str = ""

    @property
    def other_case(self) -> str:
        return self.case or (self.value.lower() if self.value.isupper() else self.value.upper())

    @property
    def other_digits(self) -> str:
        return self.digits or self.value.translate(BANGLA)


SMTP = "smtps://live:hush@mail.example:465?from=a@b.example"
SMTP_IN_CAPITALS = "SMTPS://live:hush@MAIL.EXAMPLE:465?from=a@b.example"
NETWORKS, WITH_MASK = (f"2001:db8::/32,203.0.113.0/{mask}" for mask in ("24", "255.255.255.0"))
RULES = {
    "text": Rule("mmmrmmcccmc", "Rail Count 7", "ক" * 60),
    "switch": Rule("mmmrmm-rrmr", "1", "100 %", "be 1 or 0"),
    "choice": Rule("mmmrmmrrrmr", "", "yes", "be '", digits="১"),
    "number": Rule("mmmrmm-rrmr", "", "5m", "be a whole number"),
    "colour": Rule("mmmrmmmrrmr", "#2f5488", "rgb(47, 84, 136)", "should be a colour"),
    "url": Rule("mmmrmmmcrmc", "https://app.example.com/7", "app.example.com/7", "should be a URL"),
    "origin": Rule("mmmrmmmrrmr", "https://a.example:8443", "a.example:8443", "should be an origin"),
    "zone_of": Rule("mmmrmmmrrmr", "Etc/GMT-6", "+06:00", "There is no time zone"),
    "smtp_server": Rule("mmmrmmmrrmr", SMTP, "mail.example:465", "is not the URL of a mail server", SMTP_IN_CAPITALS),
    "absolute_path": Rule("mmmrmmccrmr", f"{FOLDER}/koyjabo7", "./koyjabo7", "should be an absolute path"),
    "time_of_day": Rule("mmmrmm-rrmr", "04:00", "4:00 AM", "should be a time of day"),
    "address_list": Rule(
        "mmmrmmmrmmr", NETWORKS, WITH_MASK, "should be comma-separated addresses", digits="২০৩.০.১১৩.০/২৪"
    ),
    "totals": Rule("mmmrmmrrrmr", "1000,5000", "1k,5k", "should be comma-separated numbers", "None"),
    "page_patterns": Rule("mmmrmmccrmr", "/posts/7/*", "https://a.example/posts/7/*", "should be * or paths"),
    "origin_list": Rule("mmmrmmmrrmr", "https://a.example:8443", "a.example:8443", "should be comma-separated origins"),
    "ip_address": Rule("mmmrmmmrrmr", "fd00::a7", "localhost", "should be an IP address", digits="১২৭.০.০.১"),
    "email": Rule("mmmrrmccrmr", "rani7@a.example", "Rani <rani7@a.example>", "must be an email address"),
    "password": Rule("mmmrrmcccmc", "Rickshaw at 7", "ক" * 128),
    "token": Rule("mmmrmmcrrmr", f"scrape-{KEY}", LETTERS, "should have at least 16 "),
    "text_of": Rule("mmmrmmrrrmr", PEM, "https://a.example/jwks.json", "AUTH_PUBLIC_KEY", PEM.lower()),
    "token_algorithms": Rule("mmmrmmrrrmr", "RS256,ES384", "RS256 ES384", "should be one or more of"),
    "token_name": Rule("mmmrmmcrcmc", ISSUER, "a" * 200, "printable ASCII"),
    "required_claims": Rule("mmmrmmccrmr", "type:access7", "type=access7", "should be comma-separated claims"),
    "databases": Rule("mmmrmmrrrmr", f"{FOLDER}/places7.mmdb", FOLDER, "cannot be read as a MaxMind database"),
    "SITE_BANGLA": Rule("mmmrmm-rrmr", "0", "no", "be '"),
    "LOG_LEVEL": Rule("mmmrmmmrrmr", "DEBUG", "all", "be '", digits="১"),
    "SECRET_KEY": Rule("mmmrrmccrmr", KEY, LETTERS, "SECRET_KEY is "),
    "DATABASE_URL": Rule("mmmrmmrcrmr", "sqlite:///live7.db", "jdbc:sqlite:live7.db", "DATABASE_URL "),
    "REDIS_URL": Rule("mmmrmmrrrmr", "redis://a.example:6379/7", "a.example:6379", "REDIS_URL "),
    "AUTH_SHARED_SECRET": Rule("mmmrmmcccmr", KEY, LETTERS[:11], "is too short: it needs at least 32 bytes"),
}
"""By kind. `choice` and `number` get their values from the schema."""

RULES |= {KEY_IN_FILE: RULES["SECRET_KEY"], PEM_IN_FILE: RULES["text_of"]._replace(letters="mmmrrmrrrmr")}

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
    kind, value = kind_of(name), CHOSEN.get(name, "")
    if kind == "number":
        value = str(Settings.model_fields[name.lower()].default + 4)
    if kind == "choice":
        value = value or get_args(Settings.model_fields[name.lower()].annotation)[-1]
    return RULES[kind]._replace(value=value or RULES[kind].value)


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


ROWS = {name: rule_of(name).letters for name in (*NAMES, *FILES)}


def texts(letter: str, text: str = "", distortions: tuple[str, ...] = DISTORTIONS) -> dict[tuple[str, str], str]:
    """A text for each cell with this letter: `text`, or the refusal of its rule."""
    pairs = {(name, what): text or rule_of(name).says for name in ROWS for what in distortions}
    return {(name, what): text for (name, what), text in pairs.items() if ROWS[name][DISTORTIONS.index(what)] == letter}


SETTINGS = Table(
    name="settings",
    test="matrix/test_settings.py::test_a_setting_with_a_distorted_value_has_the_outcome_of_its_row",
    distortions=DISTORTIONS,
    rows="\n".join(f"{name}  {' '.join(letters)}" for name, letters in ROWS.items()),
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
