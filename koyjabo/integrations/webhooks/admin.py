"""The panel's pages for webhooks: list, create, change, test, rotate and delete them, and show their deliveries."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.communities.ui import all_choices
from koyjabo.integrations.webhooks.formats import FORMAT_NAMES
from koyjabo.integrations.webhooks.messages import EVENT_TYPES, types_for
from koyjabo.integrations.webhooks.queries import STATES, Endpoint
from koyjabo.integrations.webhooks.schemas import ChangedUrl, Description, Format, Types, Url
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.integrations.webhooks.webhooks import NewWebhook, Webhooks
from koyjabo.web.blueprints import admin as bp
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.limits import limits
from koyjabo.web.pages import management, pagination
from koyjabo.web.pages.flash import done
from koyjabo.web.panel.pages import me, page
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Text


class WebhookFormBody(Body):
    """The form for a new webhook. An empty format means the default for the host."""

    url: Url
    events: Types
    community: Text = None
    format: Annotated[Format, BeforeValidator(lambda value: value or None)] = None
    description: Description = ""


class WebhookChangesFormBody(WebhookFormBody):
    """The form for changes. If the URL is empty, it is not changed."""

    url: Annotated[ChangedUrl, BeforeValidator(lambda value: value or None)] = None  # type: ignore[assignment]


@bp.get("/webhooks")
def webhooks() -> Response:
    return _page("webhooks", all_webhooks=_webhooks().list(me()))


@bp.get("/webhooks/new")
def new_webhook() -> Response:
    return _creation(_form(events=["milestone.reached"]))


@bp.post("/webhooks/new")
def create_webhook() -> Response:
    """Add the webhook, and show its secret."""

    def create(body: WebhookFormBody) -> tuple[Endpoint, str]:
        limits.count_action(me().id)
        community_id = current().identities.community_id(body.community) if body.community else None
        return _webhooks().create(me(), NewWebhook(body.url, body.events, community_id, body.format, body.description))

    form = _form()
    made = management.carry_out(form, create)
    return _creation(form) if made is None else _secret(*made)


@bp.get("/webhooks/<webhook_id>")
def webhook(webhook_id: str) -> Response:
    """Show a webhook with its deliveries, all or only those in the state named in the URL."""
    webhook, state = _webhooks().find(me(), webhook_id), request.args.get("state")
    chosen = state if state in STATES else None
    delivery_page = pagination.list_page(partial(_webhooks().deliveries, me(), webhook_id, chosen))
    return _page("one", webhook=webhook, delivery_page=delivery_page, chosen=chosen)


@bp.get("/webhooks/<webhook_id>/change")
def ask_webhook_change(webhook_id: str) -> Response:
    webhook = _webhooks().find(me(), webhook_id)
    kept = {name: getattr(webhook, name) for name in ("format", "description")}
    return _change_page(webhook, Form(WebhookChangesFormBody, {"events": webhook.types, **kept}, lists=("events",)))


@bp.post("/webhooks/<webhook_id>/change")
def change_webhook(webhook_id: str) -> Response:
    webhook, form = _webhooks().find(me(), webhook_id), Form(WebhookChangesFormBody, lists=("events",))

    def change(body: WebhookChangesFormBody) -> Endpoint:
        if body.url is not None:  # counted, because its host name is looked up
            limits.count_action(me().id)
        changes = body.model_dump(include={"url", "description"}, exclude_none=True) | {"types": body.events}
        return _webhooks().change(me(), webhook_id, **changes, format=body.format or webhook.format)

    changed = management.carry_out(form, change)
    return _change_page(webhook, form) if changed is None else _done("saved", webhook_id)


@bp.post("/webhooks/<webhook_id>/switch")
def switch_webhook(webhook_id: str) -> Response:
    """Turn the webhook on or off, according to the `enabled` field."""
    enabled = request.form.get("enabled") == "1"
    _webhooks().change(me(), webhook_id, enabled=enabled)
    return _done("webhook_enabled" if enabled else "webhook_disabled", webhook_id)


@bp.post("/webhooks/<webhook_id>/test")
def test_webhook(webhook_id: str) -> Response:
    limits.count_action(me().id)
    _webhooks().test(me(), webhook_id)
    return _done("webhook_tested", webhook_id)


@bp.post("/webhooks/<webhook_id>/rotate")
def rotate_webhook(webhook_id: str) -> Response:
    """Replace the secret, and show the new one. Raises Unconfirmed."""
    webhook = _webhooks().find(me(), webhook_id)
    effect = _("Both secrets sign for 24 hours, then only the new one. It is shown once.")
    management.ask(_("Renew the secret?"), effect, _("Renew the secret"), _path(webhook))
    return _secret(webhook, _webhooks().rotate(me(), webhook_id))


@bp.post("/webhooks/<webhook_id>/delete")
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook. Raises Unconfirmed."""
    webhook = _webhooks().find(me(), webhook_id)
    effect = _("It gets no more events, and its deliveries are deleted. This cannot be undone.")
    management.ask(_("Delete the webhook to %(name)s?", name=webhook.host), effect, _("Delete"), _path(webhook))
    _webhooks().remove(me(), webhook_id)
    return done("deleted", "admin.webhooks", webhook.host)


@bp.post("/webhooks/<webhook_id>/deliveries/<int:n>/resend")
def resend_delivery(webhook_id: str, n: int) -> Response:
    _webhooks().resend(me(), webhook_id, n)
    return _done("webhook_resent", webhook_id)


def _webhooks() -> Webhooks:
    return current()[WebhookServices].webhooks


def _form(**values: Any) -> Form[WebhookFormBody]:
    return Form(WebhookFormBody, values, lists=("events",))


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return page(f"webhooks/{template}", status, types=EVENT_TYPES, formats=FORMAT_NAMES, **values)


def _done(code: str, webhook_id: str) -> Response:
    return done(code, "admin.webhook", webhook_id=webhook_id)


def _creation(form: Form[WebhookFormBody]) -> Response:
    return _page("webhooks", management.status(form), form=form, offered=types_for(None), communities=all_choices())


def _change_page(webhook: Endpoint, form: Form[WebhookChangesFormBody]) -> Response:
    offered = types_for(webhook.community_id)
    return _page("webhooks", management.status(form), form=form, webhook=webhook, offered=offered)


def _secret(webhook: Endpoint, secret: str) -> Response:
    return _page("webhooks", webhook=webhook, secret=secret)


def _path(webhook: Endpoint) -> str:
    return url_for("admin.webhook", webhook_id=webhook.id)
