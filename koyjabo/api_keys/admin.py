"""The panel's pages of API keys: list, make, rotate and revoke them."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Response, url_for
from flask_babel import gettext as _

from koyjabo.api_keys.api_keys import SCOPES, ApiKeys, NewKey
from koyjabo.api_keys.queries import StoredKey
from koyjabo.core.clock import Days
from koyjabo.core.errors import InvalidInput, TooManyKeys, UnknownCommunity
from koyjabo.core.i18n import N_
from koyjabo.core.identity import CommunityIds
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me, page
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Name, Text
from koyjabo.webkit.schemas.moments import TypedDay

WORDS = {
    "stats:read": N_("Read the numbers of communities"),
    "reports:read": N_("Read reports"),
    "presence:read": N_("Read who is online"),
    "visits:write": N_("Count visits"),
    "communities:manage": N_("Manage communities and members"),
    "broadcast": N_("Send messages to communities"),
    "webhooks:manage": N_("Manage webhooks"),
}
"""Labels of the scopes: what each allows."""

GRACES = ((3600, N_("One hour")), (86_400, N_("One day")), (0, N_("Not at all")))
"""Seconds for which the previous secret stays valid, with their labels."""

FIELDS = {"expires_at": "until"}
"""Fields of the form by fields of the API, where the names differ."""


def _field(scope: str) -> str:
    return scope.replace(":", "_")


class KeyFormBody(Body):
    """The form of a new key. `until` is the last day on which it is valid. Each scope has a box."""

    name: Name
    community: Text = None
    until: TypedDay = None
    stats_read: bool = False
    reports_read: bool = False
    presence_read: bool = False
    visits_write: bool = False
    communities_manage: bool = False
    broadcast: bool = False
    webhooks_manage: bool = False

    def key(self) -> NewKey:
        """Raises InvalidInput."""
        _began, expires_ms = current().clock.range_ms(Days(None, self.until))
        scopes = tuple(scope for scope in SCOPES if getattr(self, _field(scope)))
        community_id = current()[CommunityIds].resolve(self.community) if self.community else None
        return NewKey(self.name, scopes, community_id, expires_ms)


class GraceFormBody(Body):
    grace_s: int = 0


class ShownKey(NamedTuple):
    """The page of a new key, or of one that gets another secret; `text` is shown once."""

    form: Form[Any]
    key: StoredKey | None = None
    text: str = ""
    problem: str = ""  # an error that belongs to no field

    @property
    def status(self) -> int:
        return 422 if self.form.errors or self.problem else 200


@bp.get("/keys")
def keys() -> Response:
    return page("api_keys/keys", found=current()[ApiKeys].all(me()), now_ms=current().clock.now_ms(), words=WORDS)


@bp.get("/keys/new")
def new_key() -> Response:
    return _show_new(ShownKey(_form()))


@bp.post("/keys/new")
def create_key() -> Response:
    """Shows the key, which is not stored."""
    form, problem = _form(), ""
    body = form.read()
    if body is not None:
        try:
            return _show_new(ShownKey(form, *current()[ApiKeys].create(me(), body.key())))
        except InvalidInput as error:
            form.errors = {FIELDS.get(name, name): text for name, text in error.details.items()}
        except UnknownCommunity as error:
            form.errors = {"community": str(error)}
        except TooManyKeys as error:
            problem = str(error)
    return _show_new(ShownKey(form, problem=problem))


@bp.get("/keys/<key_id>/rotate")
def ask_rotation(key_id: str) -> Response:
    return _show_rotation(ShownKey(Form(GraceFormBody), current()[ApiKeys].find(me(), key_id)))


@bp.post("/keys/<key_id>/rotate")
def rotate_key(key_id: str) -> Response:
    """Shows the key, which is not stored."""
    key, form = current()[ApiKeys].find(me(), key_id), Form(GraceFormBody)
    body = form.read()
    if body is not None:
        try:
            return _show_rotation(ShownKey(form, *current()[ApiKeys].rotate(me(), key.id, body.grace_s)))
        except InvalidInput as error:
            form.errors = dict(error.details)
    return _show_rotation(ShownKey(form, key))


@bp.post("/keys/<key_id>/revoke")
def revoke_key(key_id: str) -> Response:
    """Raises Unconfirmed, UnknownKey."""
    key = current()[ApiKeys].find(me(), key_id)
    effect = _("Programs that use this key are refused from now on. This cannot be undone.")
    title = _("Revoke the key %(name)s?", name=key.name)
    confirm(Confirmation(title, (effect,), _("Revoke"), url_for("admin.keys")))
    revoked = current()[ApiKeys].revoke(me(), key.id)
    return done("key_revoked", "admin.keys", revoked.name)


def _form() -> Form[KeyFormBody]:
    return Form(KeyFormBody, flags=tuple(map(_field, SCOPES)))


def _show_new(new: ShownKey) -> Response:
    boxes = [(_field(scope), scope, words) for scope, words in WORDS.items()]
    return page("api_keys/new_key", new.status, new=new, boxes=boxes)


def _show_rotation(new: ShownKey) -> Response:
    return page("api_keys/rotate_key", new.status, new=new, graces=GRACES)
