"""The panel's pages for webhooks: list, create, change, test, rotate and delete them, and show their deliveries."""

from functools import partial
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.i18n import N_
from koyjabo.base.models import Webhook
from koyjabo.communities.ui import all_choices
from koyjabo.web.current import admin as bp
from koyjabo.web.forms.forms import Form, declare_texts
from koyjabo.web.limits import limits
from koyjabo.web.pages import management, pagination
from koyjabo.web.pages.redirects import done
from koyjabo.web.panel.pages import me, page
from koyjabo.web.schemas.bodies import Typed
from .api import NewWebhookBody, WebhookChangesBody, service
from .messages import EVENT_TYPES, FORMAT_NAMES, FORMATS, TOPICS, types_for
from .queries import STATES

declare_texts(community=N_("Community"))

PRESETS = {
    **{name: management.Preset(*topic) for name, topic in TOPICS.items()},
    "all": management.Preset(N_("All three"), "", tuple(type for topic in TOPICS.values() for type in topic.types)),
}

EXAMPLES = {
    "json": "https://example.com/koyjabo",
    "slack": "https://hooks.slack.com/services/…",
    "discord": "https://discord.com/api/webhooks/…",
    "telegram": "https://api.telegram.org/bot…/sendMessage?chat_id=…",
    "ntfy": "https://ntfy.sh/…",
}
"""Addresses by format."""


class WebhookFormBody(NewWebhookBody):
    """The form for a new webhook. A `preset` replaces `events`."""

    preset: Typed = ""
    _choose = management.preset_for("events", PRESETS)


@bp.get("/connect/webhooks/new")
def new_webhook() -> Response:
    """Show the form, with the preset and the format that the URL names."""
    preset, format = request.args.get("preset", ""), request.args.get("format", "")
    known = {"preset": preset or "all", "format": format if format in FORMATS else ""}
    return _creation(_form(events=["milestone.reached"], **known))


@bp.post("/connect/webhooks/new")
def create_webhook() -> Response:
    """Add the webhook, and show its secret."""
    form = _form()
    created = management.carry_out(form, lambda body: body.create(me()))
    return _creation(form) if created is None else _secret(*created, is_new=True)


@bp.get("/connect/webhooks/<webhook_id>")
def webhook(webhook_id: str) -> Response:
    """Show a webhook with its deliveries, all or only those in the state named in the URL."""
    webhook, state = service().find(me(), webhook_id), request.args.get("state")
    chosen = state if state in STATES else None
    delivery_page = pagination.list_page(partial(service().deliveries, me(), webhook_id, chosen))
    return _page("one", webhook=webhook, delivery_page=delivery_page, chosen=chosen)


@bp.get("/connect/webhooks/<webhook_id>/change")
def ask_webhook_change(webhook_id: str) -> Response:
    webhook = service().find(me(), webhook_id)
    values = {"events": webhook.events.split(), "format": webhook.format, "description": webhook.description}
    return _change_page(webhook, _changes_form(**values))


@bp.post("/connect/webhooks/<webhook_id>/change")
def change_webhook(webhook_id: str) -> Response:
    webhook, form = service().find(me(), webhook_id), _changes_form()
    changed = management.carry_out(form, lambda body: body.change(me(), webhook_id))
    return _change_page(webhook, form) if changed is None else _done(N_("Your changes were saved."), webhook_id)


@bp.post("/connect/webhooks/<webhook_id>/switch")
def switch_webhook(webhook_id: str) -> Response:
    """Turn the webhook on or off, according to the `enabled` field."""
    enabled = request.form.get("enabled") == "1"
    service().change(me(), webhook_id, enabled=enabled)
    return _done(N_("The webhook is turned on.") if enabled else N_("The webhook is turned off."), webhook_id)


@bp.post("/connect/webhooks/<webhook_id>/test")
def test_webhook(webhook_id: str) -> Response:
    limits.count_action(me().id)
    service().test(me(), webhook_id)
    return _done(N_("The test is on its way. The result will appear below."), webhook_id)


@bp.post("/connect/webhooks/<webhook_id>/rotate")
def rotate_webhook(webhook_id: str) -> Response:
    """Replace the secret, and show the new one. Raises Unconfirmed."""
    webhook = service().find(me(), webhook_id)
    effect = _("Both secrets sign for 24 hours, then only the new one. It is shown once.")
    management.ask(_("Renew the secret?"), effect, _("Renew the secret"), _path(webhook))
    return _secret(*service().rotate(me(), webhook_id))


@bp.post("/connect/webhooks/<webhook_id>/delete")
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook. Raises Unconfirmed."""
    webhook = service().find(me(), webhook_id)
    effect = _("It gets no more events, and its deliveries are deleted. This cannot be undone.")
    management.ask(_("Delete the webhook to %(name)s?", name=webhook.host), effect, _("Delete"), _path(webhook))
    service().remove(me(), webhook_id)
    return done(N_("%(name)s was deleted."), "admin.install", webhook.host)


@bp.post("/connect/webhooks/<webhook_id>/deliveries/<int:n>/resend")
def resend_delivery(webhook_id: str, n: int) -> Response:
    service().resend(me(), webhook_id, n)
    return _done(N_("The delivery is sent again."), webhook_id)


def _form(**values: Any) -> Form[WebhookFormBody]:
    return Form(WebhookFormBody, values, lists=("events",), optional=("community", "format"))


def _changes_form(**values: Any) -> Form[WebhookChangesBody]:
    return Form(WebhookChangesBody, values, lists=("events",), optional=("url", "format"))


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return page(f"webhooks/{template}", status, types=EVENT_TYPES, formats=FORMAT_NAMES, **values)


def _done(sentence: str, webhook_id: str) -> Response:
    return done(sentence, "admin.webhook", webhook_id=webhook_id)


def _creation(form: Form[WebhookFormBody]) -> Response:
    values = {
        "form": form,
        "offered": EVENT_TYPES,
        "examples": EXAMPLES,
        "communities": all_choices(),
        "presets": PRESETS,
    }
    return _page("webhooks", management.status(form), **values)


def _change_page(webhook: Webhook, form: Form[WebhookChangesBody]) -> Response:
    offered = {type: EVENT_TYPES[type] for type in types_for(webhook.community_id)}
    return _page("webhooks", management.status(form), form=form, webhook=webhook, offered=offered)


def _secret(webhook: Webhook, secret: str, is_new: bool = False) -> Response:
    return _page("webhooks", webhook=webhook, secret=secret, is_new=is_new)


def _path(webhook: Webhook) -> str:
    return url_for("admin.webhook", webhook_id=webhook.id)
