"""The forms of API keys, for the panel and the pages of a community: make one, give it another secret, revoke it."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import gettext as _

from koyjabo.api_keys.api_keys import OF_COMMUNITY, SCOPES, ApiKeys, NewKey
from koyjabo.api_keys.queries import StoredKey
from koyjabo.core.clock import Days
from koyjabo.core.errors import InvalidInput, TooManyKeys, UnknownKey
from koyjabo.core.i18n import N_
from koyjabo.core.identity import Account
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Name
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
"""What the scopes allow, as people read it."""

GRACES = ((3600, N_("One hour")), (86_400, N_("One day")), (0, N_("Not at all")))
"""How long the secret until now stays good, s."""

FIELDS = {"expires_at": "until"}
"""Fields of the form by those of the API, where they differ."""


def _field(scope: str) -> str:
    return scope.replace(":", "_")


class KeyFormBody(Body):
    """`until` is the last day on which the key is good. Each scope has a box of its own."""

    name: Name
    until: TypedDay = None
    stats_read: bool = False
    reports_read: bool = False
    presence_read: bool = False
    visits_write: bool = False
    communities_manage: bool = False
    broadcast: bool = False
    webhooks_manage: bool = False

    def key(self, community_id: str | None) -> NewKey:
        """Raises InvalidInput."""
        _began, expires_ms = current().clock.range_ms(Days(None, self.until))
        scopes = tuple(scope for scope in SCOPES if getattr(self, _field(scope)))
        return NewKey(self.name, scopes, community_id, expires_ms)


class GraceFormBody(Body):
    grace_s: int = 0


class ShownKey(NamedTuple):
    """The page of a new key, or of one that gets another secret; `text` is shown once."""

    form: Form[Any]
    key: StoredKey | None = None
    text: str = ""
    problem: str = ""  # of no field

    @property
    def status(self) -> int:
        return 422 if self.form.errors or self.problem else 200


class ScopeBox(NamedTuple):
    field: str
    scope: str
    words: str  # to be translated


def boxes(community_id: str | None = None) -> list[ScopeBox]:
    """The scopes that a key of the site or of a community may have."""
    return [ScopeBox(_field(scope), scope, WORDS[scope]) for scope in (OF_COMMUNITY if community_id else SCOPES)]


def new(community_id: str | None = None) -> ShownKey:
    return ShownKey(_form(community_id))


def create(account: Account, community_id: str | None = None) -> ShownKey:
    """Carry out the form of the current request."""
    form, problem = _form(community_id), ""
    body = form.read()
    if body is not None:
        try:
            return ShownKey(form, *current()[ApiKeys].create(account, body.key(community_id)))
        except InvalidInput as error:
            form.errors = {FIELDS.get(name, name): text for name, text in error.details.items()}
        except TooManyKeys as error:
            problem = str(error)
    return ShownKey(form, problem=problem)


def rotating(account: Account, key_id: str, community_id: str | None = None) -> ShownKey:
    """The page of `rotate`. Raises UnknownKey."""
    return ShownKey(Form(GraceFormBody), _of(account, key_id, community_id))


def rotate(account: Account, key_id: str, community_id: str | None = None) -> ShownKey:
    """Carry out the form of the current request. Raises UnknownKey."""
    key, form = _of(account, key_id, community_id), Form(GraceFormBody)
    body = form.read()
    if body is None:
        return ShownKey(form, key)
    try:
        return ShownKey(form, *current()[ApiKeys].rotate(account, key.id, body.grace_s))
    except InvalidInput as error:
        form.errors = dict(error.details)
        return ShownKey(form, key)


def revoke(account: Account, key_id: str, back: str, community_id: str | None = None) -> StoredKey:
    """Raises Unconfirmed, UnknownKey."""
    key = _of(account, key_id, community_id)
    confirm(revocation(key, back))
    return current()[ApiKeys].revoke(account, key.id)


def revocation(key: StoredKey, back: str) -> Confirmation:
    effect = _("Programs that use this key are refused from now on. This cannot be undone.")
    return Confirmation(_("Revoke the key %(name)s?", name=key.name), (effect,), _("Revoke"), back)


def now_ms() -> int:
    return current().clock.now_ms()


def _form(community_id: str | None) -> Form[KeyFormBody]:
    return Form(KeyFormBody, flags=tuple(box.field for box in boxes(community_id)))


def _of(account: Account, key_id: str, community_id: str | None) -> StoredKey:
    """A key that `account` may revoke; on the pages of a community, one of its own."""
    key = current()[ApiKeys].find(account, key_id)
    if community_id is not None and key.community_id != community_id:
        raise UnknownKey
    return key
