"""The pages of webhooks, in the panel and in a community: their forms, questions and what they show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, NamedTuple

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.core.clock import Days, typed_days
from koyjabo.core.errors import InvalidInput
from koyjabo.core.identity import Account
from koyjabo.core.integration_errors import UrlRefused
from koyjabo.webhooks.event_types import EVENT_TYPES, types_for
from koyjabo.webhooks.formats import FORMAT_NAMES
from koyjabo.webhooks.queries import STATES, Endpoint
from koyjabo.webhooks.schemas import Description, Format, Types, Url
from koyjabo.webhooks.services import WebhookServices
from koyjabo.webhooks.webhooks import NewWebhook, Webhooks
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.i18n import count
from koyjabo.webkit.limits import limits
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import refuse

Show = Callable[..., Response]
"""Given the name of a template, a status and values, the page around it."""


def _day(value: Any) -> date:
    try:
        day = typed_days(str(value), "").first
    except InvalidInput as error:
        raise refuse(error.details["first_day"]) from None
    if day is None:
        raise refuse("must be a day, such as 2025-12-16")
    return day


class WebhookFormBody(Body):
    """A webhook, as the form has it. An empty format is the one that the host suggests."""

    url: Url
    events: Types
    format: Annotated[Format, BeforeValidator(lambda value: value or None)] = None
    description: Description = ""


class ReplayFormBody(Body):
    first_day: Annotated[date, BeforeValidator(_day)]


class Desk(NamedTuple):
    """Where webhooks are managed: the panel, or the pages of one community. The same views are on both blueprints."""

    account: Account
    show: Show
    community_id: str | None = None

    def endpoint(self, name: str) -> str:
        return f"admin.{name}" if self.community_id is None else f"pages.{name}"

    def address(self, name: str, **values: Any) -> str:
        return url_for(self.endpoint(name), **self._place, **values)

    def done(self, code: str, name: str, about: str = "", **values: Any) -> Response:
        return done(code, self.endpoint(name), about, **self._place, **values)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return self.show(template, status, desk=self, types=EVENT_TYPES, formats=FORMAT_NAMES, **values)

    @property
    def _place(self) -> dict[str, Any]:
        return {} if self.community_id is None else {"community_id": self.community_id}


def _form(**values: Any) -> Form[WebhookFormBody]:
    return Form(WebhookFormBody, values, lists=("events",))


def listed(desk: Desk) -> Response:
    return desk.page("list", found=_webhooks().list(desk.account, desk.community_id))


def new(desk: Desk) -> Response:
    return _creation(desk, _form(events=["milestone.reached"]))


def create(desk: Desk) -> Response:
    """Shows the secret, which is stored sealed."""
    form = _form()
    body = form.read()
    if body is not None:
        limits.count_action(desk.account.id)
        wanted = NewWebhook(body.url, body.events, desk.community_id, body.format, body.description)
        try:
            made, secret = _webhooks().create(desk.account, wanted)
        except (InvalidInput, UrlRefused) as error:
            form.errors = error.details
        else:
            return desk.page("secret", webhook=made, secret=secret)
    return _creation(desk, form, 422)


def _creation(desk: Desk, form: Form[WebhookFormBody], status: int = 200) -> Response:
    return desk.page("form", status, form=form, webhook=None, offered=types_for(desk.community_id))


def one(desk: Desk, webhook_id: str, replay: Form[ReplayFormBody] | None = None) -> Response:
    """With its deliveries, of a state if the address has one."""
    webhook, state = _webhooks().find(desk.account, webhook_id), request.args.get("state")
    chosen = state if state in STATES else None
    read = partial(_webhooks().deliveries, desk.account, webhook_id, chosen)
    found = pagination.list_page(read)
    form = replay or Form(ReplayFormBody, {"first_day": current().clock.today()})
    return desk.page("one", 422 if replay else 200, webhook=webhook, found=found, chosen=chosen, replay=form)


def change(desk: Desk, webhook_id: str) -> Response:
    """The form, or what was sent with it."""
    webhook = _webhooks().find(desk.account, webhook_id)
    kept = {name: getattr(webhook, name) for name in ("url", "format", "description")}
    form, status = _form(events=webhook.types, **kept), 200
    if request.method == "POST":
        body, status = form.read(), 422
        if body is not None:
            changes = body.model_dump(exclude={"events", "format"}) | {"types": body.events}
            changes |= {"format": body.format or webhook.format}
            try:
                _webhooks().change(desk.account, webhook_id, **changes)
            except (InvalidInput, UrlRefused) as error:
                form.errors = error.details
            else:
                return desk.done("saved", "webhook", webhook_id=webhook_id)
    return desk.page("form", status, form=form, webhook=webhook, offered=types_for(webhook.community_id))


def switch(desk: Desk, webhook_id: str) -> Response:
    """Enable or disable it, as the field `enabled` says."""
    enabled = request.form.get("enabled") == "1"
    _webhooks().change(desk.account, webhook_id, enabled=enabled)
    return desk.done("webhook_enabled" if enabled else "webhook_disabled", "webhook", webhook_id=webhook_id)


def test(desk: Desk, webhook_id: str) -> Response:
    limits.count_action(desk.account.id)
    _webhooks().test(desk.account, webhook_id)
    return desk.done("webhook_tested", "webhook", webhook_id=webhook_id)


def rotate(desk: Desk, webhook_id: str) -> Response:
    """Shows the new secret. Raises Unconfirmed."""
    webhook = _webhooks().find(desk.account, webhook_id)
    effect = _("Both secrets sign for 24 hours, then only the new one. It is shown once.")
    confirm(_question(desk, webhook, _("Renew the secret?"), effect, _("Renew the secret")))
    return desk.page("secret", webhook=webhook, secret=_webhooks().rotate(desk.account, webhook_id))


def remove(desk: Desk, webhook_id: str) -> Response:
    """Raises Unconfirmed."""
    webhook = _webhooks().find(desk.account, webhook_id)
    effect = _("Nothing more is sent to it, and its deliveries are deleted. This cannot be undone.")
    confirm(_question(desk, webhook, _("Delete the webhook to %(name)s?", name=webhook.host), effect, _("Delete")))
    _webhooks().remove(desk.account, webhook_id)
    return desk.done("deleted", "webhooks", webhook.host)


def _question(desk: Desk, webhook: Endpoint, title: str, effect: str, label: str) -> Confirmation:
    return Confirmation(title, (effect,), label, desk.address("webhook", webhook_id=webhook.id))


def resend(desk: Desk, webhook_id: str, n: int) -> Response:
    _webhooks().resend(desk.account, webhook_id, n)
    return desk.done("webhook_resent", "webhook", webhook_id=webhook_id)


def replay(desk: Desk, webhook_id: str) -> Response:
    """From the beginning of a day on."""
    form = Form(ReplayFormBody)
    body = form.read()
    if body is not None:
        began_ms, _ended = current().clock.range_ms(Days(body.first_day, None))
        assert began_ms is not None
        try:
            events = _webhooks().replay(desk.account, webhook_id, began_ms)
        except InvalidInput as error:
            form.errors = {"first_day": str(error.details["since"])}
        else:
            return desk.done("webhook_replayed", "webhook", count(events), webhook_id=webhook_id)
    return one(desk, webhook_id, form)


def _webhooks() -> Webhooks:
    return current()[WebhookServices].webhooks


ROUTES: tuple[tuple[str, str, str, Callable[..., Response]], ...] = (
    ("GET", "", "webhooks", listed),
    ("GET", "/new", "new_webhook", new),
    ("POST", "/new", "create_webhook", create),
    ("GET", "/<webhook_id>", "webhook", one),
    ("GET", "/<webhook_id>/change", "ask_webhook_change", change),
    ("POST", "/<webhook_id>/change", "change_webhook", change),
    ("POST", "/<webhook_id>/switch", "switch_webhook", switch),
    ("POST", "/<webhook_id>/test", "test_webhook", test),
    ("POST", "/<webhook_id>/rotate", "rotate_webhook", rotate),
    ("POST", "/<webhook_id>/delete", "delete_webhook", remove),
    ("POST", "/<webhook_id>/deliveries/<int:n>/resend", "resend_delivery", resend),
    ("POST", "/<webhook_id>/replay", "replay_webhook", replay),
)
"""Method, path after that of the list, endpoint and view, in the panel and in communities alike."""


def add_routes(bp: Blueprint, path: str, desk: Callable[..., Desk], place: tuple[str, ...] = ()) -> None:
    """Put the pages on a blueprint. `desk` is given the values of the path that `place` names, and checks the right."""
    for method, rest, endpoint, view in ROUTES:
        bp.add_url_rule(path + rest, endpoint, _at(desk, place, view), methods=[method])


def _at(desk: Callable[..., Desk], place: tuple[str, ...], view: Callable[..., Response]) -> Callable[..., Response]:
    def respond(**values: Any) -> Response:
        given = {name: values.pop(name) for name in place}
        return view(desk(**given), **values)

    return respond
