"""Request and response bodies of /api/webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.clock import MOMENT, iso
from koyjabo.base.core.i18n import N_
from koyjabo.integrations.webhooks.delivery_queries import Delivery
from koyjabo.integrations.webhooks.formats import FORMATS
from koyjabo.integrations.webhooks.messages import EVENT_TYPES
from koyjabo.integrations.webhooks.queries import PENDING, Endpoint
from koyjabo.web.http.responses import MakerResponse
from koyjabo.web.schemas.bodies import JSON, Body
from koyjabo.web.schemas.fields import NULL, Flag, Text, refuse, text_up_to

LONGEST_URL, LONGEST_DESCRIPTION = 2048, 200
NOT_A_URL = N_("must be a URL of at most 2,048 characters")
TOO_LONG = N_("must not be longer than 200 characters")
NOT_TYPES = N_("must be at least one type of event")
TYPES = tuple(EVENT_TYPES)
NOT_A_FORMAT = N_("must be json, slack, discord, telegram or ntfy")


def _url(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_URL:
        raise refuse(NOT_A_URL)
    return value.strip()


def _types(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(type_ in TYPES for type_ in value):
        raise refuse(NOT_TYPES)
    return value


def _format(value: Any) -> str | None:
    if value is not None and value not in FORMATS:
        raise refuse(NOT_A_FORMAT)
    return None if value is None else str(value)


URL_SCHEMA = {"type": "string", "minLength": 1, "maxLength": LONGEST_URL, "pattern": r"\S"}
TYPES_SCHEMA = {"type": "array", "items": {"type": "string", "enum": list(TYPES)}, "minItems": 1}
Url = Annotated[str, BeforeValidator(_url), WithJsonSchema(URL_SCHEMA)]
ChangedUrl = Annotated[
    str | None,
    BeforeValidator(lambda value: None if value is None else _url(value)),
    WithJsonSchema({"anyOf": [URL_SCHEMA, NULL]}),
]
ChangedTypes = Annotated[
    list[str] | None,
    BeforeValidator(lambda value: None if value is None else _types(value)),
    WithJsonSchema({"anyOf": [TYPES_SCHEMA, NULL]}),
]
Types = Annotated[list[str], BeforeValidator(_types), WithJsonSchema(TYPES_SCHEMA)]
Format = Annotated[
    str | None,
    BeforeValidator(_format),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(FORMATS)}, NULL]}),
]
Description = Annotated[
    str,
    BeforeValidator(lambda value: text_up_to("" if value is None else value, LONGEST_DESCRIPTION, TOO_LONG)),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": LONGEST_DESCRIPTION}, NULL]}),
]
EXAMPLE = "https://example.com/koyjabo"


class NewWebhookBody(Body):
    """A new webhook."""

    media = JSON

    url: Url = Field(examples=[EXAMPLE])
    events: Types = Field(description="the event types it receives", examples=[["milestone.reached"]])
    community: Text = Field(None, description="id or ref of the one community it is for; default: the whole site")
    format: Format = Field(None, description="default: derived from the host in the URL")
    description: Description = ""


class WebhookChangesBody(Body):
    """The fields to change. Fields that are missing or null are not changed."""

    media = JSON

    url: ChangedUrl = None
    events: ChangedTypes = None
    format: Format = None
    description: Description | None = None
    enabled: Flag | None = Field(None, description="false: events are not sent, and not kept for it")

    def changes(self) -> dict[str, Any]:
        fields = self.model_dump(exclude_none=True)
        return {"types" if name == "events" else name: value for name, value in fields.items()}


class WebhookResponse(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str = Field(description="scheme, host and the last four characters", examples=["https://example.com/…jabo"])
    events: list[str]
    community: str | None = Field(description="the id of a community; null: the whole site")
    format: Literal["json", "slack", "discord", "telegram", "ntfy"]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="turned_off, gone (410) or failing (for three days)")
    failing_since: str | None = Field(examples=[MOMENT])
    last_status: str | None = Field(description="of the newest attempt: the HTTP status, or the kind of error")
    created_at: str = Field(examples=[MOMENT])
    created_by: MakerResponse | None = Field(description="null: unknown, an API key, or a deleted account")


class NewWebhookResponse(WebhookResponse):
    """A webhook with its secret, which is not shown again."""

    secret: str = Field(examples=["whsec_…"])


class WebhooksResponse(BaseModel):
    webhooks: list[WebhookResponse] = Field(description="the oldest first")


class SecretResponse(BaseModel):
    secret: str = Field(description="the previous secret also signs for 24 hours", examples=["whsec_…"])


class DeliveryResponse(BaseModel):
    """An event for one webhook."""

    n: int
    id: str = Field(description="the webhook-id, the same in every attempt")
    type: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    last_status: str | None
    next_at: str | None = Field(description="time of the next attempt; null if there is none", examples=[MOMENT])


class DeliveriesResponse(BaseModel):
    deliveries: list[DeliveryResponse] = Field(description="the newest first")


def fields(webhook: Endpoint) -> dict[str, Any]:
    """The fields of a WebhookResponse."""
    names = ("id", "url", "format", "description", "enabled", "disabled_reason", "last_status")
    return {
        **{name: getattr(webhook, name) for name in names},
        "events": list(webhook.types),
        "community": webhook.community_id,
        "failing_since": None if webhook.failing_since_ms is None else iso(webhook.failing_since_ms),
        "created_at": iso(webhook.created_ms),
        "created_by": webhook.created_by and webhook.created_by._asdict(),
    }


def delivery(sent: Delivery) -> DeliveryResponse:
    next_at = iso(sent.next_ms) if sent.state == PENDING else None
    values = {name: getattr(sent, name) for name in ("n", "type", "state", "attempts", "last_status")}
    return DeliveryResponse(id=sent.event_id, next_at=next_at, **values)
