"""/api/webhooks: create, change, test and delete webhooks; list and resend their deliveries."""

import re
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from koyjabo.base.core.clock import MOMENT
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.models import Webhook
from koyjabo.web.current import api as bp, current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import MakerResponse, Time, json_response, no_content
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ResponseSpec, describe
from koyjabo.web.schemas.bodies import NULL, Body, Flag, Text, refuse, text_up_to
from koyjabo.web.schemas.paging import QUERY, Paging
from .messages import EVENT_TYPES, FORMATS
from .queries import STATES
from .services import WebhookServices
from .webhooks import Webhooks

declare(bp, "/api/webhooks", PathPolicy.OWN, tag="webhooks")

MAX_URL, MAX_DESCRIPTION = 2048, 200
NOT_A_URL = N_("must be a URL of at most 2,048 characters")
TOO_LONG = N_("must not be longer than 200 characters")
NOT_TYPES = N_("must be at least one type of event")
TYPES = tuple(EVENT_TYPES)
NOT_A_FORMAT = N_("must be json, slack, discord, telegram or ntfy")


def _url(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_URL:
        raise refuse(NOT_A_URL)
    return value.strip()


def _types(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(type_ in TYPES for type_ in value):
        raise refuse(NOT_TYPES)
    return value


def _format(value: Any) -> str:
    if value not in FORMATS:
        raise refuse(NOT_A_FORMAT)
    return str(value)


URL_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_URL, "pattern": r"\S"}
TYPES_SCHEMA = {"type": "array", "items": {"type": "string", "enum": list(TYPES)}, "minItems": 1}
Url = Annotated[str, BeforeValidator(_url), WithJsonSchema(URL_SCHEMA)]
Types = Annotated[list[str], BeforeValidator(_types), WithJsonSchema(TYPES_SCHEMA)]
Format = Annotated[str, BeforeValidator(_format), WithJsonSchema({"type": "string", "enum": list(FORMATS)})]
Description = Annotated[
    str,
    BeforeValidator(lambda value: text_up_to("" if value is None else value, MAX_DESCRIPTION, TOO_LONG)),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_DESCRIPTION}, NULL]}),
]
EXAMPLE = "https://example.com/koyjabo"


def service() -> Webhooks:
    return current()[WebhookServices].webhooks


class NewWebhookBody(Body):
    """A new webhook."""

    url: Url = Field(examples=[EXAMPLE])
    events: Types = Field(description="the event types it receives", examples=[["milestone.reached"]])
    community: Text = Field(None, description="id or ref of the one community it is for; default: the whole site")
    format: Format | None = Field(None, description="default: derived from the host in the URL")
    description: Description = ""

    def create(self, account: Account) -> tuple[Webhook, str]:
        """Create the webhook. Returns it and its secret. Raises the errors of `Webhooks.create`."""
        limits.count_action(account.id)
        community_id = current().identities.community_id_if_any(self.community)
        return service().create(account, self.url, self.events, community_id, self.format, self.description)


class WebhookChangesBody(Body):
    """The fields to change. Fields that are missing or null are not changed."""

    url: Url | None = None
    events: Types | None = None
    format: Format | None = None
    description: Description | None = None
    enabled: Flag | None = Field(None, description="false: events are not sent, and not kept for it")

    def change(self, account: Account, webhook_id: str) -> Webhook:
        """Change the webhook. Raises the errors of `Webhooks.change`."""
        if self.url is not None:  # counted, because its host name is looked up
            limits.count_action(account.id)
        return service().change(account, webhook_id, **self.model_dump(exclude_none=True))


class WebhookResponse(BaseModel):
    """A webhook, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    url: str = Field(description="scheme, host and the last four characters", examples=["https://example.com/…jabo"])
    events: Annotated[list[str], BeforeValidator(str.split)]
    community: str | None = Field(
        validation_alias="community_id", description="the id of a community; null: the whole site"
    )
    format: Literal["json", "slack", "discord", "telegram", "ntfy"]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="turned_off, gone (410) or failing (for three days)")
    failing_since: Time | None = Field(validation_alias="failing_since_ms", examples=[MOMENT])
    last_status: str | None = Field(description="of the newest attempt: the HTTP status, or the kind of error")
    created_at: Time = Field(validation_alias="created_ms", examples=[MOMENT])
    created_by: MakerResponse | None = Field(
        validation_alias="maker", description="null: unknown, an API key, or a deleted account"
    )


class NewWebhookResponse(WebhookResponse):
    """A webhook with its secret, which is not shown again."""

    secret: str = Field(examples=["whsec_…"])


class WebhooksResponse(BaseModel):
    webhooks: list[WebhookResponse] = Field(description="the oldest first")


class SecretResponse(BaseModel):
    secret: str = Field(description="the previous secret also signs for 24 hours", examples=["whsec_…"])


class DeliveryResponse(BaseModel):
    """An event for one webhook."""

    model_config = ConfigDict(from_attributes=True)

    n: int
    id: str = Field(validation_alias="event_id", description="the webhook-id, the same in every attempt")
    type: str = Field(validation_alias=AliasPath("event", "type"))
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    last_status: str | None
    next_at: Time | None = Field(
        validation_alias="due_ms", description="time of the next attempt; null if there is none", examples=[MOMENT]
    )


class DeliveriesResponse(BaseModel):
    deliveries: list[DeliveryResponse] = Field(description="the newest first")


SCOPE = "webhooks:manage"
NOT_A_STATE = "must be pending, delivered or dead"
DELIVERY, NO_DELIVERY = re.compile(r"[0-9]{1,18}", re.ASCII), -1

FOR_WHOM: dict[int, ResponseSpec] = {
    **LOGGED_IN,
    403: "only for site admins, and API keys with the scope webhooks:manage",
    429: "too many changes, or requests with one API key; see Retry-After",
}
ONE: dict[int, ResponseSpec] = {**FOR_WHOM, 404: "no such webhook"}
ENABLED: dict[int, ResponseSpec] = {**ONE, 409: "the webhook is disabled"}


@bp.post("/webhooks")
@describe(
    "Create a webhook",
    {
        201: NewWebhookResponse,
        **WITH_BODY,
        **FOR_WHOM,
        **CHANGE,
        404: "no such community",
        409: "this server has the maximum number of webhooks",
    },
    body=NewWebhookBody,
    scope=SCOPE,
)
def create_webhook() -> Response:
    """Create a webhook. It receives events from the site and all communities or, with `community`, only from that
    community. The secret is shown once; receivers use it to verify deliveries as described by Standard Webhooks.
    """
    account, body = tokens.require_site_admin(), NewWebhookBody.of(request)
    webhook, secret = body.create(account)
    shown = WebhookResponse.model_validate(webhook)
    return json_response(NewWebhookResponse.model_construct(**dict(shown), secret=secret), 201)


@bp.get("/webhooks")
@describe(
    "List webhooks",
    {200: WebhooksResponse, **FOR_WHOM, 404: "no such community"},
    query={"community": "id or ref of a community: only its webhooks"},
    scope=SCOPE,
)
def list_webhooks() -> Response:
    account, community = tokens.require_site_admin(), request.args.get("community")
    webhooks = service().all(account, current().identities.community_id_if_any(community))
    return json_response(WebhooksResponse(webhooks=[WebhookResponse.model_validate(webhook) for webhook in webhooks]))


@bp.get("/webhooks/<webhook_id>")
@describe("Get a webhook", {200: WebhookResponse, **ONE}, scope=SCOPE)
def get_webhook(webhook_id: str) -> Response:
    webhook = service().find(tokens.require_account().account, webhook_id)
    return json_response(WebhookResponse.model_validate(webhook))


@bp.patch("/webhooks/<webhook_id>")
@describe("Change a webhook", {200: WebhookResponse, **WITH_BODY, **ONE}, body=WebhookChangesBody, scope=SCOPE)
def change_webhook(webhook_id: str) -> Response:
    """Change a webhook. While it is off, no events are kept for it. `enabled: true` turns it on again."""
    account, body = tokens.require_site_admin(), WebhookChangesBody.of(request)
    return json_response(WebhookResponse.model_validate(body.change(account, webhook_id)))


@bp.delete("/webhooks/<webhook_id>")
@describe("Delete a webhook", {204: None, **ONE}, scope=SCOPE)
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook and its deliveries."""
    service().remove(tokens.require_account().account, webhook_id)
    return no_content()


@bp.post("/webhooks/<webhook_id>/test")
@describe("Send a test", {202: None, **ENABLED}, scope=SCOPE)
def test_webhook(webhook_id: str) -> Response:
    """Send an event of type `test` within about a second. Its delivery shows the response."""
    account = tokens.require_account().account
    limits.count_action(account.id)
    service().test(account, webhook_id)
    return no_content(202)


@bp.post("/webhooks/<webhook_id>/rotate")
@describe("Renew the secret", {200: SecretResponse, **ONE}, scope=SCOPE)
def rotate_webhook(webhook_id: str) -> Response:
    """Replace the secret. For 24 hours, deliveries are signed with both. The new one is shown once."""
    rotated = service().rotate(tokens.require_account().account, webhook_id)
    return json_response(SecretResponse(secret=rotated[1]))


@bp.get("/webhooks/<webhook_id>/deliveries")
@describe(
    "List deliveries",
    {200: DeliveriesResponse, 400: "no such page or state", **ONE},
    query={**QUERY, "state": "pending, delivered or dead; default: all"},
    scope=SCOPE,
)
def list_deliveries(webhook_id: str) -> Response:
    """List the deliveries, which are kept for 30 days. `X-Total-Count` contains their number."""
    account, paging, state = tokens.require_site_admin(), Paging.of(request), request.args.get("state")
    if state is not None and state not in STATES:
        raise InvalidInput(details={"state": NOT_A_STATE})
    page = service().deliveries(account, webhook_id, state, paging.start, paging.per_page)
    deliveries = [DeliveryResponse.model_validate(delivery) for delivery in page.items]
    response = json_response(DeliveriesResponse(deliveries=deliveries))
    response.headers.extend(paging.headers(page.total))
    return response


@bp.post("/webhooks/<webhook_id>/deliveries/<n>/resend")
@describe("Send a delivery again", {202: None, **ENABLED, 404: "no such webhook or delivery"}, scope=SCOPE)
def resend_delivery(webhook_id: str, n: str) -> Response:
    """Send a delivery again at once, with the same `webhook-id`."""
    number = int(n) if DELIVERY.fullmatch(n) else NO_DELIVERY
    service().resend(tokens.require_account().account, webhook_id, number)
    return no_content(202)
