"""All settings, each with its purpose and its valid values. docs/settings.md lists them; a test compares the two."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from koyjabo.core import credential_rules
from koyjabo.settings import backup_places, checks, smtp_url, token_checks
from koyjabo.settings.login_providers import LoginProvider
from koyjabo.settings.smtp_url import SmtpServer

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


Policy = Literal["none", "admins", "all"]
"""REQUIRE_TWO_FACTOR: who has to have a second factor."""


TokenName = Annotated[str, AfterValidator(token_checks.name)]


def requires(policy: Policy, is_admin: bool) -> bool:
    """Whether an account has to have one. `is_admin`: of the site."""
    return policy == "all" or (policy == "admins" and is_admin)


class Settings(BaseModel):
    """The settings of the operator. The environment uses the upper-case aliases."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development",
        alias="ENVIRONMENT",
        description="`production` demands a SECRET_KEY and ignores `.env`; on Render and Heroku it is the default",
    )
    host: Annotated[str, AfterValidator(checks.ip_address)] = Field(
        "0.0.0.0", alias="HOST", description="IP address to listen on; 127.0.0.1 beside a proxy on the same machine"
    )
    port: int = Field(8000, alias="PORT", ge=0, le=65535, description="TCP port to serve on; 0 takes a free one")
    secret_key: str = Field(
        "",
        alias="SECRET_KEY",
        description="signs sessions and tokens, at least 32 random characters; generated in `instance/` in development",
    )
    secret_key_file: Annotated[str, AfterValidator(checks.absolute_path)] = Field(
        "",
        alias="SECRET_KEY_FILE",
        description="file with the SECRET_KEY, made at the first start; without SECRET_KEY",
    )
    database_url: str = Field(
        "",
        alias="DATABASE_URL",
        description="`sqlite:///…` (the default: `instance/koyjabo.db`) or `postgresql://…`, also with several hosts",
    )
    redis_url: str = Field(
        "",
        alias="REDIS_URL",
        description="`redis://…`, `redis+sentinel://…` or `redis+cluster://…`; needed when WEB_CONCURRENCY is over 1",
    )
    web_concurrency: int = Field(1, alias="WEB_CONCURRENCY", ge=1, le=64, description="worker processes")
    timezone: Annotated[str, AfterValidator(checks.zone)] = Field(
        "Asia/Dhaka", alias="TIMEZONE", description="where a day begins and ends (IANA name)"
    )
    trusted_proxies: int = Field(
        0,
        alias="TRUSTED_PROXIES",
        ge=0,
        le=10,
        description="number of our own proxies in `X-Forwarded-For`; 2 on Render",
    )
    allowed_origins: Annotated[str, AfterValidator(checks.origin_list)] = Field(
        "",
        alias="ALLOWED_ORIGINS",
        description="pages of other hosts that may use accounts with a browser's cookies: `https://app.example.com`, "
        "with `,` between them",
    )
    public_url: Annotated[str, AfterValidator(checks.origin)] = Field(
        "",
        alias="PUBLIC_URL",
        description="the origin at which people reach this server, such as `https://live.example.com`: links in mails "
        "begin with it, and passkeys belong to it (without it, to the host of each request); needed with SMTP_URL",
    )
    require_two_factor: Policy = Field(
        "none",
        alias="REQUIRE_TWO_FACTOR",
        description="who must have a second factor to log in: `none`, `admins` of the site, or `all`",
    )
    oidc_providers: tuple[LoginProvider, ...] = Field(
        (),
        alias="OIDC_PROVIDERS",
        description="OpenID providers to log in with: names such as `google,work`, each with `OIDC_GOOGLE_ISSUER`, "
        "`OIDC_GOOGLE_CLIENT_ID`, `OIDC_GOOGLE_CLIENT_SECRET` and, for its button, `OIDC_GOOGLE_NAME` "
        "(docs/login-with-others.md)",
    )
    oidc_signup: bool = Field(
        False, alias="OIDC_SIGNUP", description="`1` lets people sign up with a provider of OIDC_PROVIDERS"
    )
    oidc_admin_claim: Annotated[str, AfterValidator(checks.claim_and_value)] = Field(
        "",
        alias="OIDC_ADMIN_CLAIM",
        description="who becomes an admin of the site at a login with a provider: a claim and its value, such as "
        "`groups:ops`",
    )
    oidc_trust_mfa: bool = Field(
        False,
        alias="OIDC_TRUST_MFA",
        description="`1` asks for no second step after a login with a provider, because the provider asks for one",
    )
    active_window_seconds: int = Field(
        300, alias="ACTIVE_WINDOW_SECONDS", ge=1, le=86400, description="how long a visitor counts as active, s"
    )
    leave_grace_seconds: int = Field(
        5,
        alias="LEAVE_GRACE_SECONDS",
        ge=0,
        le=300,
        description="how long a user whose connection was lost may take to reconnect unnoticed, s",
    )
    update_interval_ms: int = Field(
        50,
        alias="UPDATE_INTERVAL_MS",
        ge=50,
        le=60_000,
        description="least time between two updates of the site's numbers to an open page, ms; 1000 saves most of the "
        "traffic",
    )
    publish_interval_ms: int = Field(
        10,
        alias="PUBLISH_INTERVAL_MS",
        ge=10,
        le=5_000,
        description="least time between two messages in which a worker tells the others the numbers of a scope over "
        "Redis, ms; 250 saves most of what many workers cost Redis",
    )
    starting_total: int = Field(
        0,
        alias="STARTING_TOTAL",
        ge=0,
        le=checks.LARGEST_TOTAL,
        description="total of a new database: 4000 continues an older counter, and the first visit is 4001",
    )
    retention_days: int = Field(
        365,
        alias="RETENTION_DAYS",
        ge=1,
        le=36500,
        description="how long each visit is kept; older ones are folded into sums by night, and every number stays",
    )
    backup_dir: Annotated[str, AfterValidator(checks.absolute_path)] = Field(
        "",
        alias="BACKUP_DIR",
        description="folder in which a backup is kept every night, restored and recounted to prove it",
    )
    backup_to: Annotated[str, AfterValidator(backup_places.bucket)] = Field(
        "",
        alias="BACKUP_TO",
        description="where a backup is sent every night, fetched and proven: "
        "`s3://bucket/prefix?endpoint=https://…&region=…`, any service that speaks S3",
    )
    backup_command: Annotated[str, AfterValidator(backup_places.command)] = Field(
        "",
        alias="BACKUP_COMMAND",
        description="program that is given each proven backup as its last argument: `rclone copyto`, `restic backup`",
    )
    backup_at: Annotated[str, AfterValidator(checks.time_of_day)] = Field(
        "03:30", alias="BACKUP_AT", description="when the backup of a day is made, in TIMEZONE"
    )
    backup_keep: int = Field(
        14, alias="BACKUP_KEEP", ge=1, le=10_000, description="how many of its backups the server keeps in each place"
    )
    status_page: bool = Field(
        True, alias="STATUS_PAGE", description="`0` turns `/status` and `/api/status` off, which everybody may read"
    )
    allow_ephemeral_storage: bool = Field(
        False, alias="ALLOW_EPHEMERAL_STORAGE", description="`1` lets Render run on a file that every deploy deletes"
    )
    geoip_database: str = Field(
        "",
        alias="GEOIP_DATABASE",
        description="databases of cities, as `make geoip` downloads: files in `instance/` or absolute paths, with `:` "
        "between them; without one, places are countries",
    )
    rate_limit_registrations: int = Field(
        600,
        alias="RATE_LIMIT_REGISTRATIONS",
        ge=0,
        description="registrations a minute from one address, 0 for no limit; generous, because a campus is one "
        "address",
    )
    rate_limit_heartbeats: int = Field(
        3000,
        alias="RATE_LIMIT_HEARTBEATS",
        ge=0,
        description="heartbeats a minute from one address, and as many requests with events, with ten times as many "
        "events in all and 100 KB a day for each, 0 for no limit; a page sends one heartbeat a minute",
    )
    rate_limit_visitor: int = Field(
        60,
        alias="RATE_LIMIT_VISITOR",
        ge=0,
        description="registrations a minute of one `visitorId`, as many heartbeats, and as many requests with events, "
        "with ten times as many events in all, 0 for no limit; against pages that keep reloading",
    )
    rate_limit_logins: int = Field(
        60,
        alias="RATE_LIMIT_LOGINS",
        ge=0,
        description="logins a minute from one address, and half as many new accounts, 0 for no limit",
    )
    rate_limit_actions: int = Field(
        60,
        alias="RATE_LIMIT_ACTIONS",
        ge=0,
        description="communities founded and people invited a minute by one account, 0 for no limit",
    )
    rate_limit_changes: int = Field(
        120, alias="RATE_LIMIT_CHANGES", ge=0, description="changes of any kind a minute by one account, 0 for no limit"
    )
    rate_limit_mails: int = Field(
        500,
        alias="RATE_LIMIT_MAILS",
        ge=0,
        description="mails a day to unconfirmed emails, such as invitations; a tenth of them for one address, 0 for no "
        "limit",
    )
    rate_limit_reports: int = Field(
        600,
        alias="RATE_LIMIT_REPORTS",
        ge=0,
        description="reports a minute for one account, and as many of share links for one address, 0 for no limit",
    )
    rate_limit_keys: int = Field(
        600, alias="RATE_LIMIT_KEYS", ge=0, description="requests a minute with one API key, 0 for no limit"
    )
    rate_limit_sockets: int = Field(
        2000,
        alias="RATE_LIMIT_SOCKETS",
        ge=0,
        description="open sockets of one address in one worker, 0 for no limit, nor one of its network",
    )
    rate_limit_handshakes: int = Field(
        6000,
        alias="RATE_LIMIT_HANDSHAKES",
        ge=0,
        description="sockets opened a minute from one address, 0 for no limit; a whole campus may reconnect at once",
    )
    rate_limit_tabs: int = Field(
        50, alias="RATE_LIMIT_TABS", ge=0, description="open sockets of one `visitorId` in one worker, 0 for no limit"
    )
    max_connections: int = Field(
        20000,
        alias="MAX_CONNECTIONS",
        ge=1,
        le=1_000_000,
        description="open sockets a worker accepts; a network (/24 or /48) may have a quarter of them",
    )
    lanes: bool = Field(
        True, alias="LANES", description="`0` lets Flask answer the most frequent requests as well, at twice the cost"
    )
    bridges: Annotated[str, AfterValidator(checks.bridge_list)] = Field(
        "",
        alias="BRIDGES",
        description="clients of other systems that are answered in their own way (docs/bridges.md): `koyjabo`, "
        "`citinfos`, or both with `,` between them",
    )
    auth_jwks_url: Annotated[str, AfterValidator(token_checks.url)] = Field(
        "",
        alias="AUTH_JWKS_URL",
        description="accepts tokens of another system, by the public keys at this URL (docs/integrate.md); with "
        "AUTH_ISSUER and AUTH_AUDIENCE",
    )
    auth_shared_secret: str = Field(
        "",
        alias="AUTH_SHARED_SECRET",
        description="accepts tokens of another system, by the secret with which it signs them, at least 32 bytes; with "
        "AUTH_REQUIRED_CLAIMS",
    )
    auth_algorithms: Annotated[str, AfterValidator(token_checks.algorithms)] = Field(
        "",
        alias="AUTH_ALGORITHMS",
        description="how these tokens may be signed; without it `RS256,ES256,EdDSA`, or `HS256` with a secret",
    )
    auth_issuer: TokenName = Field(
        "", alias="AUTH_ISSUER", description="the `iss` that these tokens must have, exactly"
    )
    auth_audience: TokenName = Field(
        "", alias="AUTH_AUDIENCE", description="what the `aud` of these tokens must be or contain"
    )
    auth_user_claim: TokenName = Field(
        "sub", alias="AUTH_USER_CLAIM", description="the claim with the id of the user, a `userRef`"
    )
    auth_name_claim: TokenName = Field(
        "name", alias="AUTH_NAME_CLAIM", description="the claim with the name of the user"
    )
    auth_communities_claim: TokenName = Field(
        "communities",
        alias="AUTH_COMMUNITIES_CLAIM",
        description="the claim with the user's roles: an object of community refs and `member`, `moderator` or `admin`",
    )
    auth_required_claims: Annotated[str, AfterValidator(token_checks.required_claims)] = Field(
        "",
        alias="AUTH_REQUIRED_CLAIMS",
        description="values that claims of these tokens must have: `token_type:access`, with `,` between them, or "
        "`none`",
    )
    smtp_url: Annotated[str, AfterValidator(checks.smtp_server)] = Field(
        "",
        alias="SMTP_URL",
        description="sends mails: `smtp://user:password@host:587?from=Name%20<a@b>` (STARTTLS, unless `&tls=off`) or "
        "`smtps://…`",
    )
    admin_email: Annotated[str, AfterValidator(credential_rules.email)] = Field(
        "",
        alias="ADMIN_EMAIL",
        description="email of the first admin of the site, created at start if there is no such user; "
        "development makes one up",
    )
    admin_password: Annotated[str, AfterValidator(credential_rules.password)] = Field(
        "",
        alias="ADMIN_PASSWORD",
        description="the password of that admin, 8 to 128 characters; ignored once the user exists",
    )
    webhook_allow: Annotated[str, AfterValidator(checks.network_list)] = Field(
        "",
        alias="WEBHOOK_ALLOW",
        description="networks to which webhooks may send although they are private: `10.0.0.0/8`, with `,` between",
    )
    bot_policy: Literal["count", "ignore"] = Field(
        "count", alias="BOT_POLICY", description="visits of declared crawlers: `count` and flag them, or `ignore` them"
    )
    milestones: Annotated[str, AfterValidator(checks.totals)] = Field(
        "",
        alias="MILESTONES",
        description="totals that are announced when a visit reaches them: numbers with `,` between them, or `none`; "
        "without them 1, 2.5 and 5 times each power of 10, from 100 on",
    )
    honour_privacy_signals: bool = Field(
        True,
        alias="HONOUR_PRIVACY_SIGNALS",
        description="`0` ignores the headers `Sec-GPC` and `DNT`; `anonymous` in a request always counts",
    )
    metrics_token: Annotated[str, AfterValidator(checks.token)] = Field(
        "",
        alias="METRICS_TOKEN",
        description="token with which Prometheus reads `/metrics`, at least 16 characters; without one, only "
        "development answers, and only this machine",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.upper)] = Field(
        "INFO", alias="LOG_LEVEL", description="`DEBUG` adds a line for each request, visit and broadcast"
    )
    log_format: Literal["text", "json"] = Field(
        "text", alias="LOG_FORMAT", description="`text` is key=value, `json` is one object a line"
    )

    @property
    def origins(self) -> list[str]:
        """ALLOWED_ORIGINS, as browsers write them."""
        return self.allowed_origins.split(",") if self.allowed_origins else []

    @property
    def webhook_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """WEBHOOK_ALLOW."""
        return tuple(map(ip_network, self.webhook_allow.split(","))) if self.webhook_allow else ()

    @property
    def bridged(self) -> list[str]:
        """BRIDGES, by name."""
        return self.bridges.split(",") if self.bridges else []

    @property
    def token_algorithms(self) -> list[str]:
        """AUTH_ALGORITHMS, or those of its default."""
        return (self.auth_algorithms or ("HS256" if self.auth_shared_secret else "RS256,ES256,EdDSA")).split(",")

    @property
    def smtp(self) -> SmtpServer | None:
        return smtp_url.parse(self.smtp_url) if self.smtp_url else None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> URL:
        from sqlalchemy.engine import make_url  # late: the child that prepares a start seldom needs it

        return make_url(self.database_url)

    @property
    def geoip_files(self) -> list[Path]:
        return [Path(name) for name in self.geoip_database.split(os.pathsep) if name]
