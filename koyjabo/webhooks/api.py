"""/api/webhooks: make, change, try and delete webhooks; their deliveries, and sending again."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.core.clock import iso
from koyjabo.core.errors import InvalidInput
from koyjabo.core.i18n import N_
from koyjabo.webhooks.delivery_queries import Delivery
from koyjabo.webhooks.event_types import EVENT_TYPES
from koyjabo.webhooks.formats import FORMATS
from koyjabo.webhooks.queries import PENDING, STATES, Endpoint
from koyjabo.webhooks.services import WebhookServices
from koyjabo.webhooks.webhooks import NewWebhook, Webhooks
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, no_answer
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, Answer, describe
from koyjabo.webkit.schemas.bodies import JSON, Body
from koyjabo.webkit.schemas.fields import NULL, Flag, Text, refuse, text_up_to
from koyjabo.webkit.schemas.moments import MOMENT, Moment
from koyjabo.webkit.schemas.paging import QUERY, Paging

SCOPE = "webhooks:manage"
LONGEST_URL, LONGEST_DESCRIPTION = 2048, 200
NOT_A_URL = N_("must be a URL of at most 2,048 characters")
TOO_LONG = N_("must not be longer than 200 characters")
NOT_TYPES = N_("must be types of events, at least one")
TYPES = tuple(EVENT_TYPES)
NOT_A_FORMAT = N_("must be json, slack, discord, telegram or ntfy")
NOT_A_STATE = "must be pending, delivered or dead"
REQUIRED = N_("is required")
DELIVERY, NO_DELIVERY = re.compile(r"[0-9]{1,18}", re.ASCII), -1


def _url(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_URL:
        raise refuse(NOT_A_URL)
    return value.strip()


def _types(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(each in TYPES for each in value):
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
    events: Types = Field(description="the types of events it is told of", examples=[["milestone.reached"]])
    community: Text = Field(None, description="the id of the one community it is for; default: the whole site")
    format: Format = Field(None, description="default: as the host of the URL suggests")
    description: Description = ""


class WebhookChangesBody(Body):
    """The fields to change. Fields that are missing or null are not changed."""

    media = JSON

    url: ChangedUrl = None
    events: ChangedTypes = None
    format: Format = None
    description: Description | None = None
    enabled: Flag | None = Field(None, description="false: nothing is sent, and nothing kept for it")

    def changes(self) -> dict[str, Any]:
        found = self.model_dump(exclude_none=True)
        return {"types" if name == "events" else name: value for name, value in found.items()}


class ReplayBody(Body):
    media = JSON

    since: Moment = Field(None, description="of the last 30 days; required", examples=[MOMENT])


class WebhookAnswer(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str = Field(examples=[EXAMPLE])
    events: list[str]
    community: str | None = Field(description="the id of a community; null: of the whole site")
    format: Literal["json", "slack", "discord", "telegram", "ntfy"]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="turned_off, gone (410) or failing (for three days)")
    failing_since: str | None = Field(examples=[MOMENT])
    last_status: str | None = Field(description="of the newest attempt: of HTTP, or the kind of the error")
    created_at: str = Field(examples=[MOMENT])


class NewWebhookAnswer(WebhookAnswer):
    """A webhook with its secret, which is not shown again."""

    secret: str = Field(examples=["whsec_…"])


class WebhooksAnswer(BaseModel):
    webhooks: list[WebhookAnswer] = Field(description="the oldest first")


class SecretAnswer(BaseModel):
    secret: str = Field(description="the one before signs, too, for 24 hours", examples=["whsec_…"])


class DeliveryAnswer(BaseModel):
    """An event for one webhook."""

    n: int
    id: str = Field(description="the webhook-id, the same in every attempt")
    type: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    last_status: str | None
    next_at: str | None = Field(description="of the next attempt; null when there is none", examples=[MOMENT])


class DeliveriesAnswer(BaseModel):
    deliveries: list[DeliveryAnswer] = Field(description="the newest first")


class ReplayedAnswer(BaseModel):
    events: int = Field(description="how many are sent again")


FOR_WHOM: dict[int, Answer] = {
    **LOGGED_IN,
    403: "for admins of the site, of the community, and API keys with the scope webhooks:manage",
    429: "too many changes, or requests with one API key; see Retry-After",
}
ONE: dict[int, Answer] = {**FOR_WHOM, 404: "no such webhook"}
ENABLED: dict[int, Answer] = {**ONE, 409: "the webhook is disabled"}


def _webhooks() -> Webhooks:
    return current()[WebhookServices].webhooks


@bp.post("/webhooks")
@describe(
    "Make a webhook",
    {
        201: NewWebhookAnswer,
        **WITH_BODY,
        **FOR_WHOM,
        **CHANGE,
        404: "no such community",
        409: "this server has as many webhooks as it may have",
    },
    body=NewWebhookBody,
    scope=SCOPE,
)
def create_webhook() -> Response:
    """For admins of the site; with `community`, for its admins. A webhook of the site is also told of what happens in
    communities. The secret is shown once; receivers verify with it as Standard Webhooks says."""
    account, body = tokens.require().account, NewWebhookBody.of(request)
    limits.count_action(account.id)
    new = NewWebhook(body.url, body.events, body.community, body.format, body.description)
    made, secret = _webhooks().create(account, new)
    return answer(NewWebhookAnswer(**_fields(made), secret=secret), 201)


@bp.get("/webhooks")
@describe(
    "List webhooks",
    {200: WebhooksAnswer, **FOR_WHOM, 404: "no such community"},
    query={"community": "the id of a community: its webhooks alone"},
    scope=SCOPE,
)
def list_webhooks() -> Response:
    """All webhooks; for admins of communities, those of their communities."""
    found = _webhooks().list(tokens.require().account, request.args.get("community"))
    return answer(WebhooksAnswer(webhooks=[WebhookAnswer(**_fields(each)) for each in found]))


@bp.get("/webhooks/<webhook_id>")
@describe("Get a webhook", {200: WebhookAnswer, **ONE}, scope=SCOPE)
def get_webhook(webhook_id: str) -> Response:
    return answer(WebhookAnswer(**_fields(_webhooks().find(tokens.require().account, webhook_id))))


@bp.patch("/webhooks/<webhook_id>")
@describe("Change a webhook", {200: WebhookAnswer, **WITH_BODY, **ONE}, body=WebhookChangesBody, scope=SCOPE)
def change_webhook(webhook_id: str) -> Response:
    """While it is disabled, nothing is kept for it. `enabled: true` opens it again."""
    account, body = tokens.require().account, WebhookChangesBody.of(request)
    return answer(WebhookAnswer(**_fields(_webhooks().change(account, webhook_id, **body.changes()))))


@bp.delete("/webhooks/<webhook_id>")
@describe("Delete a webhook", {204: None, **ONE}, scope=SCOPE)
def delete_webhook(webhook_id: str) -> Response:
    """With its deliveries."""
    _webhooks().remove(tokens.require().account, webhook_id)
    return no_answer()


@bp.post("/webhooks/<webhook_id>/test")
@describe("Send a test", {202: None, **ENABLED}, scope=SCOPE)
def test_webhook(webhook_id: str) -> Response:
    """An event of the type `test`, within about a second. Its delivery has the answer."""
    account = tokens.require().account
    limits.count_action(account.id)
    _webhooks().test(account, webhook_id)
    return no_answer(202)


@bp.post("/webhooks/<webhook_id>/rotate")
@describe("Renew the secret", {200: SecretAnswer, **ONE}, scope=SCOPE)
def rotate_webhook(webhook_id: str) -> Response:
    """Both secrets sign for 24 hours. The new one is shown once."""
    return answer(SecretAnswer(secret=_webhooks().rotate(tokens.require().account, webhook_id)))


@bp.get("/webhooks/<webhook_id>/deliveries")
@describe(
    "List deliveries",
    {200: DeliveriesAnswer, 400: "no such page or state", **ONE},
    query={**QUERY, "state": "pending, delivered or dead; default: all"},
    scope=SCOPE,
)
def list_deliveries(webhook_id: str) -> Response:
    """They are kept for 30 days. `X-Total-Count` is their number."""
    account, paging, state = tokens.require().account, Paging.of(request), request.args.get("state")
    if state is not None and state not in STATES:
        raise InvalidInput(details={"state": NOT_A_STATE})
    page = _webhooks().deliveries(account, webhook_id, state, paging.start, paging.per_page)
    response = answer(DeliveriesAnswer(deliveries=[_delivery(each) for each in page.items]))
    response.headers.extend(paging.headers(page.total))
    return response


@bp.post("/webhooks/<webhook_id>/deliveries/<n>/resend")
@describe("Send a delivery again", {202: None, **ENABLED, 404: "no such webhook or delivery"}, scope=SCOPE)
def resend_delivery(webhook_id: str, n: str) -> Response:
    """At once, under the same `webhook-id`."""
    number = int(n) if DELIVERY.fullmatch(n) else NO_DELIVERY
    _webhooks().resend(tokens.require().account, webhook_id, number)
    return no_answer(202)


@bp.post("/webhooks/<webhook_id>/replay")
@describe("Send all events again", {202: ReplayedAnswer, **WITH_BODY, **ENABLED}, body=ReplayBody, scope=SCOPE)
def replay_webhook(webhook_id: str) -> Response:
    """All since a time, also those that were not sent to it, each under the same `webhook-id`."""
    account, body = tokens.require().account, ReplayBody.of(request)
    limits.count_action(account.id)
    if body.since is None:
        raise InvalidInput(details={"since": REQUIRED})
    return answer(ReplayedAnswer(events=_webhooks().replay(account, webhook_id, body.since)), 202)


def _fields(webhook: Endpoint) -> dict[str, Any]:
    names = ("id", "url", "format", "description", "enabled", "disabled_reason", "last_status")
    return {
        **{name: getattr(webhook, name) for name in names},
        "events": list(webhook.types),
        "community": webhook.community_id,
        "failing_since": None if webhook.failing_since_ms is None else iso(webhook.failing_since_ms),
        "created_at": iso(webhook.created_ms),
    }


def _delivery(each: Delivery) -> DeliveryAnswer:
    next_at = iso(each.next_ms) if each.state == PENDING else None
    fields = {name: getattr(each, name) for name in ("n", "type", "state", "attempts", "last_status")}
    return DeliveryAnswer(id=each.event_id, next_at=next_at, **fields)
