"""Tables for connections with other programs: API keys, accounts at login providers, and webhooks."""

import json
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, foreign, mapped_column

from .accounts import Community, User
from .columns import (
    BigKey,
    ByKey,
    CommunityId,
    Digest,
    Model,
    Name,
    UserId,
    Uuid,
    Word,
    partial_index,
    related,
)
from .upkeep import WebhookEvent


class ApiKey(Model):
    """A key that a program uses to call the API. No column contains the key: both digests are SHA-256 in
    hexadecimal."""

    __tablename__ = "api_keys"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    name: Mapped[Name]
    scopes: Mapped[str]  # sorted, separated by spaces
    community_id: Mapped[CommunityId | None] = mapped_column(index=True)  # None for the site's keys
    prefix: Mapped[str] = mapped_column(String(11), unique=True)  # "kj_" and eight characters; unchanged by a rotation
    digest: Mapped[Digest] = mapped_column(unique=True)
    old_digest: Mapped[Digest | None] = mapped_column(unique=True)  # before the last rotation
    old_until_ms: Mapped[int | None]
    created_ms: Mapped[int]
    created_by: Mapped[Uuid | None]  # a user; None: unknown, the operator, or deleted
    expires_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]
    last_used_ms: Mapped[int | None]
    community: Mapped[Community | None] = related()
    maker: Mapped[User | None] = related(primaryjoin=lambda: foreign(ApiKey.created_by) == User.id)


class OidcIdentity(ByKey, Model):
    """A user's account at an OpenID provider. It is looked up by issuer and subject, never by email."""

    __tablename__ = "oidc_identities"

    issuer: Mapped[Name] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[UserId] = mapped_column(index=True)
    created_ms: Mapped[int]
    used_ms: Mapped[int | None]  # the last login


class Webhook(Model):
    """An address that receives events. Secrets and URLs are sealed with a key derived from SECRET_KEY."""

    __tablename__ = "webhooks"

    id: Mapped[Uuid] = mapped_column(primary_key=True)
    url: Mapped[str]  # shortened; in plain text if it was just written by the previous version
    sealed_url: Mapped[str | None]  # the whole URL
    events: Mapped[str]  # sorted, separated by spaces
    community_id: Mapped[CommunityId | None] = mapped_column(index=True)  # None for the site
    format: Mapped[Word]
    description: Mapped[Name]
    secret: Mapped[str]
    old_secret: Mapped[str | None]  # before the last rotation; also signs
    old_until_ms: Mapped[int | None]
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None] = mapped_column(String(64))
    failing_since_ms: Mapped[int | None]  # the first failure since the last success
    last_status: Mapped[str | None] = mapped_column(String(64))  # the latest attempt's status, as in a delivery
    last_ms: Mapped[int | None]
    # When deliveries were last dropped because too many waited.
    dropped_ms: Mapped[int | None]
    created_ms: Mapped[int]
    created_by: Mapped[Uuid | None]  # a user; None: unknown, an API key, or deleted
    community: Mapped[Community | None] = related()
    maker: Mapped[User | None] = related(primaryjoin=lambda: foreign(Webhook.created_by) == User.id)

    @property
    def host(self) -> str:
        """The URL's host, which is all that logs, emails and viewers of the site see, because the rest may contain
        tokens.
        """
        return urlsplit(self.url).hostname or ""

    def receives(self, type: str, scope: str) -> bool:
        """Whether it receives such an event while it is enabled. A webhook for the site also receives communities'
        events.
        """
        return type in self.events.split() and self.community_id in (None, scope)


class WebhookDelivery(Model):
    """An event for one webhook: `state` is `pending`, `delivered` or `dead`.

    There is no foreign key, because it would delete up to a million deliveries at once. The deliveries of a deleted
    webhook are removed in small transactions instead.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("uq_webhook_deliveries_event", "webhook_id", "event_id", unique=True),
        Index("ix_webhook_deliveries_due", "state", "webhook_id", "next_ms"),
        Index("ix_webhook_deliveries_page", "webhook_id", "n"),
        Index("ix_webhook_deliveries_done", "done_ms"),
        partial_index("ix_webhook_deliveries_waiting", "state", "webhook_id", "n", "bytes", where="state = 'pending'"),
    )

    n: Mapped[BigKey] = mapped_column(primary_key=True)
    webhook_id: Mapped[Uuid]
    event_id: Mapped[Uuid]
    state: Mapped[Word]
    attempts: Mapped[int] = mapped_column(Integer)
    last_status: Mapped[str | None] = mapped_column(String(64))  # HTTP status, or the kind of error
    next_ms: Mapped[int]  # the next attempt, while `pending`
    done_ms: Mapped[int | None]
    log: Mapped[str]  # JSON: the attempts, each with its response
    bytes: Mapped[int | None] = mapped_column(Integer)  # size of the event data; None if made by the previous version
    event: Mapped[WebhookEvent | None] = related(  # None if it was deleted with its community
        primaryjoin=lambda: foreign(WebhookDelivery.event_id) == WebhookEvent.id
    )

    @property
    def due_ms(self) -> int | None:
        """The time of the next attempt; None if there is none."""
        return self.next_ms if self.state == "pending" else None

    @property
    def tries(self) -> list[dict[str, Any]]:
        """The attempts, oldest first: `at_ms`, `status`, `took_ms`, and `answer`, the response."""
        tries: list[dict[str, Any]] = json.loads(self.log)
        return tries
