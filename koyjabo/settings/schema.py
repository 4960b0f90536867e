"""All settings, each with its purpose and its valid values. README lists them; a test compares the two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from koyjabo.accounts import credential_rules
from koyjabo.mail import smtp_url
from koyjabo.mail.smtp_url import SmtpServer
from koyjabo.network import origins

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SHORTEST_METRICS_TOKEN = 16


class Settings(BaseModel):
    """The settings of the operator. The environment uses the upper-case aliases."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development",
        alias="ENVIRONMENT",
        description="`production` demands a SECRET_KEY and ignores `.env`; on Render and Heroku it is the default",
    )
    port: int = Field(8000, alias="PORT", ge=0, le=65535, description="TCP port to serve on; 0 takes a free one")
    secret_key: str = Field(
        "",
        alias="SECRET_KEY",
        description="signs sessions and tokens, at least 32 random characters; generated in `instance/` in development",
    )
    database_url: str = Field(
        "",
        alias="DATABASE_URL",
        description="`sqlite:///…` (the default: `instance/koyjabo.db`) or `postgresql://…`",
    )
    redis_url: str = Field("", alias="REDIS_URL", description="`redis://…`; needed when WEB_CONCURRENCY is over 1")
    web_concurrency: int = Field(1, alias="WEB_CONCURRENCY", ge=1, le=64, description="worker processes")
    timezone: str = Field("Asia/Dhaka", alias="TIMEZONE", description="where a day begins and ends (IANA name)")
    trusted_proxies: int = Field(
        0,
        alias="TRUSTED_PROXIES",
        ge=0,
        le=10,
        description="number of our own proxies in `X-Forwarded-For`; 2 on Render",
    )
    allowed_origins: str = Field(
        "",
        alias="ALLOWED_ORIGINS",
        description="pages of other hosts that may use accounts with a browser's cookies: `https://app.example.com`, "
        "with `,` between them",
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
    starting_total: int = Field(
        0,
        alias="STARTING_TOTAL",
        ge=0,
        le=10**15,
        description="total of a new database: 4000 continues an older counter, and the first visit is 4001",
    )
    retention_days: int = Field(
        365,
        alias="RETENTION_DAYS",
        ge=1,
        le=36500,
        description="how long each visit is kept; older ones are folded into sums by night, and every number stays",
    )
    allow_ephemeral_storage: bool = Field(
        False,
        alias="ALLOW_EPHEMERAL_STORAGE",
        description="`1` lets Render run on a file that every deploy deletes",
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
        description="heartbeats a minute from one address, 0 for no limit; a page sends one a minute",
    )
    rate_limit_visitor: int = Field(
        60,
        alias="RATE_LIMIT_VISITOR",
        ge=0,
        description="registrations a minute of one `visitorId`, and as many heartbeats, 0 for no limit; against "
        "pages that keep reloading",
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
    rate_limit_sockets: int = Field(
        2000, alias="RATE_LIMIT_SOCKETS", ge=0, description="open sockets of one address in one worker, 0 for no limit"
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
        20000, alias="MAX_CONNECTIONS", ge=1, le=1_000_000, description="open sockets a worker accepts"
    )
    lanes: bool = Field(
        True,
        alias="LANES",
        description="`0` lets Flask answer the most frequent requests as well, at twice the cost",
    )
    public_url: str = Field(
        "",
        alias="PUBLIC_URL",
        description="the site's address as people see it, `https://live.example.com`: every link in a mail begins with "
        "it; needed with SMTP_URL",
    )
    smtp_url: str = Field(
        "",
        alias="SMTP_URL",
        description="sends mails: `smtp://user:password@host:587?from=Name%20<a@b>` (STARTTLS, unless `&tls=off`) or "
        "`smtps://…`",
    )
    admin_email: str = Field(
        "",
        alias="ADMIN_EMAIL",
        description="email of the first admin of the site, created at start if there is no such user; "
        "development makes one up",
    )
    admin_password: str = Field(
        "",
        alias="ADMIN_PASSWORD",
        description="the password of that admin, 8 to 128 characters; ignored once the user exists",
    )
    bot_policy: Literal["count", "ignore"] = Field(
        "count",
        alias="BOT_POLICY",
        description="visits of declared crawlers: `count` and flag them, or `ignore` them",
    )
    metrics_token: str = Field(
        "",
        alias="METRICS_TOKEN",
        description="token with which Prometheus reads `/metrics`, at least 16 characters; without one, only this "
        "machine may read it",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="LOG_LEVEL", description="`DEBUG` adds a line for each request, visit and broadcast"
    )
    log_format: Literal["text", "json"] = Field(
        "text", alias="LOG_FORMAT", description="`text` is key=value, `json` is one object a line"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            raise ValueError("is not a time zone; use an IANA name such as Asia/Dhaka") from None
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _only_origins(cls, value: str) -> str:
        found = [origins.normal(each) for each in value.split(",") if each.strip()]
        if None in found:
            raise ValueError("should be origins such as https://app.example.com, with , between them and no paths")
        return ",".join(str(each) for each in found)

    @field_validator("public_url")
    @classmethod
    def _one_origin(cls, value: str) -> str:
        found = origins.normal(value.removesuffix("/"))
        if found is None:
            raise ValueError("should be an address such as https://live.example.com, without a path")
        return found

    @field_validator("smtp_url")
    @classmethod
    def _usable_server(cls, value: str) -> str:
        smtp_url.parse(value)
        return value

    @field_validator("admin_email")
    @classmethod
    def _usable_email(cls, value: str) -> str:
        return credential_rules.email(value)

    @field_validator("metrics_token")
    @classmethod
    def _long_token(cls, value: str) -> str:
        if len(value) < SHORTEST_METRICS_TOKEN:
            raise ValueError(f"should have at least {SHORTEST_METRICS_TOKEN} characters")
        return value

    @field_validator("admin_password")
    @classmethod
    def _usable_password(cls, value: str) -> str:
        return credential_rules.password(value)

    @property
    def origins(self) -> list[str]:
        """ALLOWED_ORIGINS, as browsers write them."""
        return self.allowed_origins.split(",") if self.allowed_origins else []

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
