"""The panel's pages for API keys: list, create, rotate and revoke."""

from collections.abc import Callable
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.days import Days
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.communities.ui import all_choices
from koyjabo.people.accounts.login import authentication
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.pages import management
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, page
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Typed, TypedDay
from .api import NewKeyBody
from .api_keys import COMMUNITY_KEY_SCOPES, KEY_SCOPES, ApiKeys
from .models import ApiKey

bp = panel_blueprint("keys")

declare_texts(community=N_("Community"))

GRACE_CHOICES = ((3600, N_("One hour")), (86_400, N_("One day")), (0, N_("Not at all")))
"""How long the previous secret can stay valid, s, with labels."""


KEY_PRESETS = {
    "read": management.Preset(
        N_("Read"), N_("Read numbers, reports and who is online. It changes nothing."), COMMUNITY_KEY_SCOPES
    ),
    "count": management.Preset(N_("Count"), N_("Count visits, for example from your own server."), ("visits:write",)),
    "manage": management.Preset(
        N_("Manage"),
        N_("Manage communities and their members, and send them messages."),
        ("stats:read", "presence:read", "communities:manage", "broadcast"),
    ),
}


class KeyFormBody(NewKeyBody):
    """The form for a new key. `until` is the last day it is valid. A `preset` replaces `scopes`."""

    until: TypedDay = None
    preset: Typed = ""
    _choose = management.preset_for("scopes", KEY_PRESETS)

    def create(self, account: Account) -> tuple[ApiKey, str]:
        self.expires_at = current().clock.range_ms(Days(None, self.until))[1]
        return super().create(account)


class GraceFormBody(Body):
    grace_s: int = 0


@bp.get("/connect/keys/new")
def new_key() -> Response:
    """Show the form, with the preset that the URL names."""
    preset = request.args.get("preset", "")
    return _show(_form(preset=preset if preset in KEY_PRESETS else "read"), communities=all_choices())


@bp.post("/connect/keys/new")
def create_key() -> Response:
    """Create a key and show it once. It is not stored."""
    form = _form()
    created = _carry_out(form, lambda body: body.create(me()))
    return _show(form, communities=all_choices()) if created is None else _show(form, created=created)


@bp.get("/connect/keys/<key_id>/rotate")
def ask_rotation(key_id: str) -> Response:
    return _show(Form(GraceFormBody), key=current()[ApiKeys].find(me(), key_id))


@bp.post("/connect/keys/<key_id>/rotate")
def rotate_key(key_id: str) -> Response:
    """Rotate a key and show it once. It is not stored."""
    key, form = current()[ApiKeys].find(me(), key_id), Form(GraceFormBody)
    created = _carry_out(form, lambda body: current()[ApiKeys].rotate(me(), key.id, body.grace_s))
    return _show(form, key=key, created=created)


@bp.post("/connect/keys/<key_id>/revoke")
def revoke_key(key_id: str) -> Response:
    """Revoke a key after confirmation. Raises Unconfirmed, UnknownKey."""
    key = current()[ApiKeys].find(me(), key_id)
    effect = _("Programs that use this key are refused from now on. This cannot be undone.")
    management.ask(
        _("Revoke the key %(name)s?", name=key.name),
        effect,
        _("Revoke"),
        url_for("panel_connect.connect", _anchor="keys"),
    )
    revoked = current()[ApiKeys].revoke(me(), key.id)
    return done(N_("The key %(name)s was revoked."), "panel_connect.connect", revoked.name)


def _carry_out(form: Form[Any], action: Callable[[Any], tuple[ApiKey, str]]) -> tuple[ApiKey, str] | None:
    """Carry out an action with the current form, after a proof, because a key outlives the session."""

    def proved(body: Any) -> tuple[ApiKey, str]:
        authentication.require_proof()
        return action(body)

    with authentication.errors_in(form):
        return management.carry_out(form, proved)
    return None


def _form(**values: Any) -> Form[KeyFormBody]:
    return Form(KeyFormBody, values, lists=("scopes",), optional=("community",))


def _show(form: Form[Any], **values: Any) -> Response:
    """Show the form or, with `created`, the new key and its text."""
    graces = [(seconds, _(label)) for seconds, label in GRACE_CHOICES]
    shown = {"form": form, "scopes": KEY_SCOPES, "presets": KEY_PRESETS, "graces": graces, **values}
    return page("api_keys/keys", management.status(form), **shown)


def _listed() -> dict[str, Any]:
    return {"listed": current()[ApiKeys].all(me()), "scopes": KEY_SCOPES}


KEY_PARTS = {"api_keys/connect.html": PagePart("connect", _listed, rank=2)}
