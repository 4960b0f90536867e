"""All settings: types, defaults, valid values and meanings. `catalogue` says where each one is listed."""

import os
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WrapValidator

from koyjabo.base.colours.palette import DEFAULT_PALETTE, OTHER_COLOUR, Palette, palette_of
from koyjabo.base.core import credential_rules
from koyjabo.base.core.i18n import N_
from . import checks, public_keys, smtp_url, time_zones
from .smtp_url import SmtpServer

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


Policy = Literal["none", "admins", "all"]
"""Values of REQUIRE_TWO_FACTOR: who must use two-step login."""

DEFAULT_NAMES = {"en": "Koy Jabo", "bn": "কই যাবো"}
DEFAULT_SENTENCES = {
    "en": "The app for bus, train and rickshaw riders in Bangladesh. Every visit is counted here, live.",
    "bn": "বাংলাদেশের বাস, ট্রেন ও রিকশার যাত্রীদের অ্যাপ। প্রতিটি ভিজিট এখানে সরাসরি গোনা হয়।",
}
"""The site's name and sentence by language, unless the owner has set them."""

SiteName = Annotated[str, AfterValidator(checks.one_line(60, N_("should be one line of at most 60 characters")))]
SiteSentence = Annotated[str, AfterValidator(checks.one_line(160, N_("should be one line of at most 160 characters")))]
Switch = Annotated[bool, WrapValidator(checks.switch)]
TokenName = Annotated[str, AfterValidator(checks.token_name)]


def setting(
    default: object, meaning: str, ge: int | None = None, le: int | None = None, is_secret: bool = False
) -> Any:
    """Define a setting: its default, and its meaning in Markdown. Its name in the environment is the field's, in
    capitals. The value of a secret, the address of a person or a long text is not shown.
    """
    return Field(default, description=meaning, ge=ge, le=le, repr=not is_secret)


def requires(policy: Policy, is_admin: bool) -> bool:
    """Whether an account must use two-step login. `is_admin` says whether it is an admin of the site."""
    return policy == "all" or (policy == "admins" and is_admin)


def written(value: object) -> str:
    """A value as text in the environment."""
    return str(int(value)) if isinstance(value, bool) else str(value)


@lru_cache(maxsize=8)
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, text.split(","))) if text else ()


class Settings(BaseModel):
    """The operator's settings. Their aliases are the names in the environment."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper)

    site_name: Annotated[SiteName, AfterValidator(lambda name: name or DEFAULT_NAMES["en"])] = setting(
        DEFAULT_NAMES["en"], "name of the site, on all pages and in emails; up to 60 characters"
    )
    site_name_bn: SiteName = setting(
        "", "name of the site in Bangla; if empty, `কই যাবো`, or SITE_NAME if that was changed"
    )
    site_sentence: SiteSentence = setting(
        "", "what is counted, as one line on the home page; up to 160 characters; has a default for Koy Jabo only"
    )
    site_sentence_bn: SiteSentence = setting("", "that line in Bangla; if empty, SITE_SENTENCE")
    site_bangla: Literal["", "1", "0"] = setting(
        "", "who is offered Bangla: `1` everyone, `0` readers of Bangla; if empty, `1` for sites with a text in it"
    )
    site_colour: Annotated[str, AfterValidator(checks.colour)] = setting(
        "", "colour of the site, such as `#2f5488`; all others follow it; if empty, green and red for Koy Jabo only"
    )
    app_url: Annotated[str, AfterValidator(checks.url)] = setting(
        "",
        'address of the app whose visits are counted; the button "Open the app" on the home page leads there',
    )
    public_url: Annotated[str, AfterValidator(checks.origin)] = setting(
        "",
        (
            "public address of this server, such as `https://live.example.com`, for links in emails; required with "
            "SMTP_URL"
        ),
    )
    timezone: Annotated[str, AfterValidator(time_zones.zone_of)] = setting(
        "Asia/Dhaka", "time zone for counting by day, or its city; earlier visits stay on their day"
    )
    smtp_url: Annotated[str, AfterValidator(checks.smtp_server)] = setting(
        "",
        (
            "mail server for outgoing emails: `smtp://user:password@host:587?from=Name%20<a@b>` (STARTTLS, "
            "unless `&tls=off`) or `smtps://…`"
        ),
        is_secret=True,
    )
    backup_dir: Annotated[str, AfterValidator(checks.absolute_path)] = setting(
        "", "folder for nightly backups; each is restored and recounted to verify it"
    )
    backup_at: Annotated[str, AfterValidator(checks.time_of_day)] = setting(
        "03:30", "time of the daily backup, in TIMEZONE"
    )
    backup_keep: int = setting(14, "number of backups to keep in the folder", ge=1, le=10_000)
    retention_days: int = setting(
        365,
        "days that a visit keeps its person; older visits are reduced at night, and totals stay the same",
        ge=1,
        le=36500,
    )
    bot_policy: Literal["count", "ignore"] = setting(
        "count", "visits by declared crawlers: `count` and flag them, or `ignore` them"
    )
    own_addresses: Annotated[str, AfterValidator(checks.address_list)] = setting(
        "", "your own addresses and networks, separated by `,`; reports can leave out their visits"
    )
    milestones: Annotated[str, AfterValidator(checks.totals)] = setting(
        "",
        (
            "totals to celebrate when a visit reaches them, separated by commas, or `none`; if empty, 1, 2.5 and "
            "5 times each power of 10 from 100 up"
        ),
    )
    page_numbers: Annotated[str, AfterValidator(checks.page_patterns)] = setting(
        "", "pages that show their views to everyone: `*` for all, or paths such as `/posts/*,/about`"
    )
    honour_privacy_signals: Switch = setting(
        True, "`0` ignores the headers `Sec-GPC` and `DNT`; `anonymous` in a request is always respected"
    )
    sign_up: Literal["open", "invited"] = setting("open", "`open` to everyone, or only for `invited` people")
    require_two_factor: Policy = setting("none", "who must use two-step login: `none`, `admins` of the site, or `all`")
    allowed_origins: Annotated[str, AfterValidator(checks.origin_list)] = setting(
        "",
        (
            "other sites whose pages may use accounts through browser cookies, separated by `,`, such as "
            "`https://app.example.com`"
        ),
    )
    environment: Literal["development", "production"] = setting(
        "development", "`production` requires a SECRET_KEY and ignores `.env`; default on Render and Heroku"
    )
    host: Annotated[str, AfterValidator(checks.ip_address)] = setting(
        "0.0.0.0", "IP address to listen on; 127.0.0.1 behind a proxy on the same machine"
    )
    port: int = setting(8000, "TCP port to listen on; 0 picks a free port", ge=0, le=65535)
    secret_key: str = setting(
        "", "signs sessions and tokens, at least 32 random characters; generated in development", is_secret=True
    )
    secret_key_file: Annotated[str, AfterValidator(checks.absolute_path)] = setting(
        "", "file with the SECRET_KEY, created at the first start; replaces SECRET_KEY"
    )
    database_url: str = setting(
        "",
        "`sqlite:///…` (default: `instance/koyjabo.db`) or `postgresql://…` with one or more hosts",
        is_secret=True,
    )
    redis_url: str = setting("", "`redis://…` or `redis+sentinel://…`; required for several workers", is_secret=True)
    web_concurrency: int = setting(1, "number of worker processes", ge=1, le=64)
    trusted_proxies: int = setting(0, "number of your own proxies in `X-Forwarded-For`; 2 on Render", ge=0, le=10)
    admin_email: Annotated[str, AfterValidator(credential_rules.email)] = setting(
        "", "email of the first admin, created at startup if missing; development has a default", is_secret=True
    )
    admin_password: Annotated[str, AfterValidator(credential_rules.password)] = setting(
        "", "password of that admin, 8 to 128 characters; ignored once the account exists", is_secret=True
    )
    metrics_token: Annotated[str, AfterValidator(checks.token)] = setting(
        "",
        (
            "token that Prometheus sends to read `/metrics`, at least 16 ASCII characters; if empty, `/metrics` works "
            "only in development, from the same machine"
        ),
        is_secret=True,
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.upper)] = setting(
        "INFO", "`DEBUG` adds a line for each request, visit and broadcast"
    )
    log_format: Literal["text", "json"] = setting("text", "`text` for key=value pairs, `json` for one object per line")
    allow_ephemeral_storage: Switch = setting(
        False, "`1` allows a database file on Render although every deploy deletes it"
    )
    starting_total: int = setting(
        0,
        "total of a new database; 4000 continues an older counter, so the first visit is number 4001",
        ge=0,
        le=checks.MAX_TOTAL,
    )
    active_window_seconds: int = setting(300, "seconds without a request before a visitor is inactive", ge=1, le=86400)
    leave_grace_seconds: int = setting(5, "seconds a user has to reconnect before others see them leave", ge=0, le=300)
    update_interval_ms: int = setting(
        50, "minimum milliseconds between updates to an open page; 1000 saves most of the traffic", ge=50, le=60_000
    )
    publish_interval_ms: int = setting(
        10,
        (
            "minimum milliseconds between a worker's Redis messages about the site or a community; with many "
            "workers, 250 saves most of the Redis load"
        ),
        ge=10,
        le=5_000,
    )
    rate_limit_registrations: int = setting(
        600,
        (
            "visits per minute from one address; high because a campus may share one. It also sets heartbeats and "
            "requests with events (5 times as many), events (50 times) and stored data (500 KB a day for each visit "
            "per minute). 0 removes all these limits"
        ),
        ge=0,
    )
    rate_limit_visitor: int = setting(
        60,
        (
            "limit per minute for one `visitorId`, separately for visits, heartbeats and requests with events; also "
            "limits events (10 times as many); 0 for no limit"
        ),
        ge=0,
    )
    rate_limit_logins: int = setting(
        60, "logins per minute from one address, and half as many sign-ups, 0 for no limit", ge=0
    )
    rate_limit_changes: int = setting(
        120,
        (
            "changes of any kind per minute by one account, and half as many new communities and invitations, "
            "0 for no limit"
        ),
        ge=0,
    )
    rate_limit_mails: int = setting(
        500,
        (
            "maximum emails per day to unconfirmed addresses, such as invitations; 0 means no limit; one IP address "
            "may trigger a tenth"
        ),
        ge=0,
    )
    rate_limit_reports: int = setting(
        600,
        "reports per minute for one account, and separately for share links from one address, 0 for no limit",
        ge=0,
    )
    rate_limit_keys: int = setting(600, "requests per minute with one API key, 0 for no limit", ge=0)
    rate_limit_sockets: int = setting(
        2000,
        (
            "open sockets from one address in one worker, and 3 times as many opened per minute in all workers; 0 "
            "removes these limits and the limit per network"
        ),
        ge=0,
    )
    rate_limit_tabs: int = setting(50, "open sockets from one `visitorId` in one worker, 0 for no limit", ge=0)
    max_connections: int = setting(
        20000,
        "open sockets that a worker accepts; one network (/24 or /48) may use a quarter of them",
        ge=1,
        le=1_000_000,
    )
    bridges: Literal["", "koyjabo"] = setting(
        "", "`koyjabo` serves the app koyjabo.com in the format it expects (docs/bridges.md)"
    )
    auth_public_key: Annotated[str, AfterValidator(public_keys.text_of)] = setting(
        "",
        (
            "accepts tokens from another system that are signed with this key: PEM, JWKS, or the absolute path of a "
            "file with one (docs/integrate.md); requires AUTH_ISSUER and AUTH_AUDIENCE"
        ),
        is_secret=True,
    )
    auth_shared_secret: str = setting(
        "",
        (
            "accepts tokens from another system that are signed with this secret, at least 32 bytes; requires "
            "AUTH_REQUIRED_CLAIMS"
        ),
        is_secret=True,
    )
    auth_algorithms: Annotated[str, AfterValidator(checks.token_algorithms)] = setting(
        "", "allowed signature algorithms of these tokens; default `RS256,ES256,EdDSA`, or `HS256` with a secret"
    )
    auth_issuer: TokenName = setting("", "exact `iss` that these tokens must have")
    auth_audience: TokenName = setting(
        "",
        (
            "value that the `aud` of these tokens must be or contain; or `none`, if AUTH_REQUIRED_CLAIMS names a claim "
            "that only tokens for this program have"
        ),
    )
    auth_user_claim: TokenName = setting("sub", "claim with the user's external id (`userRef`)")
    auth_name_claim: TokenName = setting("name", "claim with the user's name")
    auth_communities_claim: TokenName = setting(
        "communities",
        "claim with the user's roles: an object that maps community refs to `member`, `moderator` or `admin`",
    )
    auth_required_claims: Annotated[str, AfterValidator(checks.required_claims)] = setting(
        "",
        "claims and values that these tokens must have, separated by `,`, such as `token_type:access`; or `none`",
    )
    geoip_database: str = setting(
        "",
        "city databases: files in `instance/` or absolute paths, separated by `:`; default: from `koyjabo geoip`",
    )
    asn_database: str = setting(
        "", "databases of AS numbers, named as in GEOIP_DATABASE; if empty, a list of the largest hosting networks"
    )

    @classmethod
    def is_secret(cls, name: str) -> bool:
        """Whether the value of this setting is not shown."""
        return not cls.model_fields[name.lower()].repr

    def text_of(self, name: str) -> str:
        """The value of a setting as it would be written in the environment."""
        return written(getattr(self, name.lower()))

    def adopt(self, other: "Settings") -> None:
        """Take over all values of `other` at once. Features keep this object and read it when they use a value, so a
        change on the page Server applies without a restart.
        """
        object.__setattr__(self, "__dict__", dict(other.__dict__))
        object.__setattr__(self, "__pydantic_fields_set__", set(other.model_fields_set))

    def conflict(self) -> tuple[str, str]:
        """The name of a setting that cannot be used with the others, and the reason as a sentence; "" for none."""
        if self.environment == "production" and self.app_url.startswith("http:"):
            return "APP_URL", N_("APP_URL is an http address, which is allowed only in development. Use https.")
        if self.smtp_url and not self.public_url:
            return "SMTP_URL", N_("PUBLIC_URL is missing: SMTP_URL is set, and links in emails start with PUBLIC_URL.")
        return "", ""

    @property
    def has_default_name(self) -> bool:
        return self.site_name == DEFAULT_NAMES["en"]

    def name_in(self, language: str) -> str:
        """The site's name in a language ("en", "bn")."""
        if self.has_default_name:
            return {**DEFAULT_NAMES, "bn": self.site_name_bn or DEFAULT_NAMES["bn"]}[language]
        return (language == "bn" and self.site_name_bn) or self.site_name

    @property
    def speaks_bangla(self) -> bool:
        """Whether it offers Bangla to everyone. Unless SITE_BANGLA is set: if its name or sentence is in Bangla."""
        has_texts = self.has_default_name or self.site_name_bn or self.site_sentence_bn
        return self.site_bangla == "1" if self.site_bangla else bool(has_texts)

    @property
    def palette(self) -> Palette:
        """The site's colours. The flag's are for the default name without a colour."""
        if self.site_colour:
            return palette_of(self.site_colour)
        return DEFAULT_PALETTE if self.has_default_name else palette_of(OTHER_COLOUR)

    def sentence_in(self, language: str) -> str:
        """What the site counts, as one sentence in a language; "" if there is none."""
        own = (language == "bn" and self.site_sentence_bn) or self.site_sentence
        return own or (DEFAULT_SENTENCES[language] if self.has_default_name else "")

    @property
    def origins(self) -> list[str]:
        """The origins in ALLOWED_ORIGINS, as browsers write them."""
        return self.allowed_origins.split(",") if self.allowed_origins else []

    @property
    def token_algorithms(self) -> list[str]:
        """The algorithms in AUTH_ALGORITHMS, or its default."""
        return (self.auth_algorithms or ("HS256" if self.auth_shared_secret else "RS256,ES256,EdDSA")).split(",")

    @property
    def smtp(self) -> SmtpServer | None:
        return smtp_url.parse(self.smtp_url) if self.smtp_url else None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> "URL":
        from sqlalchemy.engine import make_url  # late: the child process that prepares a start rarely needs it

        return make_url(self.database_url)

    @property
    def geoip_files(self) -> list[Path]:
        return [Path(name) for name in self.geoip_database.split(os.pathsep) if name]

    @property
    def asn_files(self) -> list[Path]:
        return [Path(name) for name in self.asn_database.split(os.pathsep) if name]

    @property
    def own_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return _networks(self.own_addresses)
