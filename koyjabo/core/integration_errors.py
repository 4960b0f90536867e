"""Errors about integrations with other programs, such as webhooks."""

from __future__ import annotations

from koyjabo.core.errors import KoyJaboError
from koyjabo.core.i18n import N_


class UnknownWebhook(KoyJaboError):
    code = "unknown_webhook"
    status = 404
    sentence = N_("Webhook not found. It may already have been deleted.")


class UnknownDelivery(KoyJaboError):
    code = "unknown_delivery"
    status = 404
    sentence = N_("Delivery not found. Deliveries are kept for 30 days.")


class WebhookDisabled(KoyJaboError):
    code = "webhook_disabled"
    status = 409
    sentence = N_("This webhook is turned off. Turn it on first.")


class TooManyWebhooks(KoyJaboError):
    code = "too_many_webhooks"
    status = 409
    sentence = N_("This server already has 50 webhooks, the maximum. Delete one first.")


class UrlRefused(KoyJaboError):
    """The URL was refused. The details give the reason for each field."""

    code = "url_refused"
    status = 400
    sentence = N_("Nothing can be sent to this URL; see details.")
