"""/api/webhooks: create, change, test and delete webhooks; list and resend their deliveries."""

from __future__ import annotations

import re

from flask import Response, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.integrations.webhooks.queries import STATES
from koyjabo.integrations.webhooks.schemas import (
    DeliveriesResponse,
    NewWebhookBody,
    NewWebhookResponse,
    SecretResponse,
    WebhookChangesBody,
    WebhookResponse,
    WebhooksResponse,
    delivery,
    fields,
)
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.integrations.webhooks.webhooks import NewWebhook, Webhooks
from koyjabo.web.blueprints import api as bp
from koyjabo.web.current import current
from koyjabo.web.http.responses import json_response, no_content
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CHANGE, LOGGED_IN, WITH_BODY, ResponseSpec, describe
from koyjabo.web.schemas.paging import QUERY, Paging

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


def _webhooks() -> Webhooks:
    return current()[WebhookServices].webhooks


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
    limits.count_action(account.id)
    community = current().identities.community_id_if_any(body.community)
    new = NewWebhook(body.url, body.events, community, body.format, body.description)
    made, secret = _webhooks().create(account, new)
    return json_response(NewWebhookResponse(**fields(made), secret=secret), 201)


@bp.get("/webhooks")
@describe(
    "List webhooks",
    {200: WebhooksResponse, **FOR_WHOM, 404: "no such community"},
    query={"community": "id or ref of a community: only its webhooks"},
    scope=SCOPE,
)
def list_webhooks() -> Response:
    account, community = tokens.require_site_admin(), request.args.get("community")
    webhooks = _webhooks().list(account, current().identities.community_id_if_any(community))
    return json_response(WebhooksResponse(webhooks=[WebhookResponse(**fields(webhook)) for webhook in webhooks]))


@bp.get("/webhooks/<webhook_id>")
@describe("Get a webhook", {200: WebhookResponse, **ONE}, scope=SCOPE)
def get_webhook(webhook_id: str) -> Response:
    return json_response(WebhookResponse(**fields(_webhooks().find(tokens.require_account().account, webhook_id))))


@bp.patch("/webhooks/<webhook_id>")
@describe("Change a webhook", {200: WebhookResponse, **WITH_BODY, **ONE}, body=WebhookChangesBody, scope=SCOPE)
def change_webhook(webhook_id: str) -> Response:
    """Change a webhook. While it is off, no events are kept for it. `enabled: true` turns it on again."""
    account, body = tokens.require_site_admin(), WebhookChangesBody.of(request)
    if body.url is not None:  # counted, because its host name is looked up
        limits.count_action(account.id)
    return json_response(WebhookResponse(**fields(_webhooks().change(account, webhook_id, **body.changes()))))


@bp.delete("/webhooks/<webhook_id>")
@describe("Delete a webhook", {204: None, **ONE}, scope=SCOPE)
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook and its deliveries."""
    _webhooks().remove(tokens.require_account().account, webhook_id)
    return no_content()


@bp.post("/webhooks/<webhook_id>/test")
@describe("Send a test", {202: None, **ENABLED}, scope=SCOPE)
def test_webhook(webhook_id: str) -> Response:
    """Send an event of type `test` within about a second. Its delivery shows the response."""
    account = tokens.require_account().account
    limits.count_action(account.id)
    _webhooks().test(account, webhook_id)
    return no_content(202)


@bp.post("/webhooks/<webhook_id>/rotate")
@describe("Renew the secret", {200: SecretResponse, **ONE}, scope=SCOPE)
def rotate_webhook(webhook_id: str) -> Response:
    """Replace the secret. For 24 hours, deliveries are signed with both. The new one is shown once."""
    return json_response(SecretResponse(secret=_webhooks().rotate(tokens.require_account().account, webhook_id)))


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
    page = _webhooks().deliveries(account, webhook_id, state, paging.start, paging.per_page)
    response = json_response(DeliveriesResponse(deliveries=[delivery(item) for item in page.items]))
    response.headers.extend(paging.headers(page.total))
    return response


@bp.post("/webhooks/<webhook_id>/deliveries/<n>/resend")
@describe("Send a delivery again", {202: None, **ENABLED, 404: "no such webhook or delivery"}, scope=SCOPE)
def resend_delivery(webhook_id: str, n: str) -> Response:
    """Send a delivery again at once, with the same `webhook-id`."""
    number = int(n) if DELIVERY.fullmatch(n) else NO_DELIVERY
    _webhooks().resend(tokens.require_account().account, webhook_id, number)
    return no_content(202)
