"""The sections of an export: everything stored about an account, except secrets (password hashes, codes, keys) and
details of other people that the account may not see.

Only visits made while logged in are included. Visits from before a visitor was identified as the user are left out,
because anyone who knows a visitorId can sign up with it (docs/personal-data.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import aliased

from koyjabo.counting.daily_people import user
from koyjabo.mail.link_tokens import INVITATION, PANEL_INVITATION
from koyjabo.models import (
    ApiKey,
    AuditLine,
    Community,
    Conversion,
    EmailLink,
    Event,
    Invitation,
    LoginSession,
    Membership,
    OidcIdentity,
    OutboxMail,
    PanelInvitation,
    Passkey,
    PendingStep,
    Person,
    PersonDay,
    Share,
    SpentCode,
    TotpSecret,
    User,
    Visit,
    Visitor,
    Webhook,
    WebhookEvent,
)

ABOUT_MEMBERS = ("member.joined", "member.left")
"""Webhook events whose `data` contains a user's id."""


class DataSubject(NamedTuple):
    """The account to export."""

    user_id: str
    email: str
    email_key: str
    is_verified: bool
    scopes: tuple[str, ...]  # the communities where the user was present


class Section(NamedTuple):
    """The rows of `select`. `key` orders them, and is unique within the section."""

    name: str
    select: Callable[[DataSubject], Select[*tuple[Any, ...]]]
    key: tuple[Any, ...]


def about_member(user_id: str) -> ColumnElement[bool]:
    """Community audit entries about this user. The index on actions keeps the number of entries to read small."""
    return and_(*_actions("member"), AuditLine.details.contains(f'"user_id": "{user_id}"', autoescape=True))


def accepted_from(name: str) -> ColumnElement[bool]:
    """Audit entries about accepted invitations from a person with this name."""
    detail = f'"invited_by": {json.dumps(name, ensure_ascii=False)}'
    named = AuditLine.details.contains(detail, autoescape=True)
    return or_(*(and_(*_actions(kind), named) for kind in ("member", "panel")))


def _actions(kind: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions that select a range of the index on actions. SQLite expects few rows in the range, so it does not read
    the whole log.
    """
    return AuditLine.action >= f"{kind}.", AuditLine.action < f"{kind}/"


def event_about(user_id: str) -> ColumnElement[bool]:
    """Webhook events that name this user."""
    named = WebhookEvent.data.contains(f'"id": "{user_id}"', autoescape=True)
    return and_(WebhookEvent.type.in_(ABOUT_MEMBERS), named)


def waiting_mails(email: str) -> ColumnElement[bool]:
    """Emails to the account. Invitations are left out, because the owner of the address may be someone else."""
    return and_(OutboxMail.email == email, OutboxMail.kind.not_in((INVITATION, PANEL_INVITATION)))


def _invitations(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    inviter = aliased(User)
    query = select(Community.name.label("community"), inviter.name.label("invited_by"))
    query = query.add_columns(Invitation.role, Invitation.created_ms, Invitation.expires_ms)
    query = query.join(Community, Community.id == Invitation.community_id)
    query = query.join(inviter, inviter.id == Invitation.invited_by)
    return query.where(Invitation.email_key == owner.email_key if owner.is_verified else false())


def _panel_invitations(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    """The account's invitation to the panel, if there is one."""
    query = select(User.name.label("invited_by"), *OFFERED).join(User, User.id == PanelInvitation.invited_by)
    return query.where(PanelInvitation.email_key == owner.email_key if owner.is_verified else false())


def _sent_panel_invitations(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    return select(PanelInvitation.email, *OFFERED).where(PanelInvitation.invited_by == owner.user_id)


def _of(table: Any, *columns: str) -> Callable[[DataSubject], Select[*tuple[Any, ...]]]:
    return lambda owner: select(*(getattr(table, name) for name in columns)).where(table.user_id == owner.user_id)


def _columns(table: Any, *left_out: str) -> list[ColumnElement[Any]]:
    """All columns of a table except `left_out`, which contain nothing about the owner."""
    return [column for column in table.__table__.columns if column.name not in left_out]


def _memberships(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Membership.community_id, Community.name, Membership.role, Membership.joined_ms)
    joined = select(*columns).join(Community, Community.id == Membership.community_id)
    return joined.where(Membership.user_id == owner.user_id)


def _founded(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Community.id, Community.name, Community.created_ms, Community.archived_ms)
    return select(*columns).where(Community.founder_id == owner.user_id)


def _sent_invitations(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Invitation.community_id, Invitation.email, Invitation.role, Invitation.created_ms, Invitation.expires_ms)
    return select(*columns).where(Invitation.invited_by == owner.user_id)


def _shares(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Share.id, Share.name, Share.filters, Share.range, Share.created_ms, Share.expires_ms, Share.used_ms)
    return select(*columns).where(Share.created_by == owner.user_id)


def _keys(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.community_id, ApiKey.created_ms, ApiKey.revoked_ms)
    return select(*columns).where(ApiKey.created_by == owner.user_id)


def _webhooks(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    """Webhooks, without their URLs, which are credentials of the site."""
    columns = (Webhook.id, Webhook.description, Webhook.events, Webhook.community_id, Webhook.created_ms)
    return select(*columns).where(Webhook.created_by == owner.user_id)


def _mails(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    return select(OutboxMail.kind, OutboxMail.created_ms, OutboxMail.due_ms).where(waiting_mails(owner.email))


def _presence(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Person.scope, PersonDay.day, PersonDay.began_s, PersonDay.slots)
    joined = select(*columns).join(Person, Person.id == PersonDay.person_id)
    return joined.where(Person.scope.in_(owner.scopes), Person.person == user(owner.user_id))


def _audit(*names: str) -> Select[*tuple[Any, ...]]:
    return select(AuditLine.at_ms, AuditLine.action, *(getattr(AuditLine, name) for name in names), AuditLine.details)


def _audit_by_me(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    query = _audit("target_kind", "target_id", "target", "place")
    return query.where(AuditLine.actor_id == owner.user_id)


def _audit_about_me(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    is_others = AuditLine.actor_id.is_distinct_from(owner.user_id)
    return _audit().where(AuditLine.target_id == owner.user_id, AuditLine.target_kind == "user", is_others)


def _audit_about_membership(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    return _audit("target_id", "target").where(about_member(owner.user_id))


def _webhook_events(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    return select(WebhookEvent.scope, WebhookEvent.type, WebhookEvent.at_ms).where(event_about(owner.user_id))


def _events(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    """Events that belong to the account's visits."""
    columns = _columns(Event, "id", "visit_id", "scope", "day", "hour_s")
    return select(*columns).join(Visit, Visit.id == Event.visit_id).where(Visit.user_id == owner.user_id)


def _visits(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    return select(*_columns(Visit, "id", "day", "hour_s", "is_bot", "user_id")).where(Visit.user_id == owner.user_id)


OFFERED = (PanelInvitation.role, PanelInvitation.created_ms, PanelInvitation.expires_ms)
OIDC_KEY = (OidcIdentity.issuer, OidcIdentity.subject)
SESSION = ("id", "created_ms", "renewed_ms", "expires_ms", "revoked_ms", "user_agent", "place")

SECTIONS = (
    Section("sessions", _of(LoginSession, *SESSION), (LoginSession.id,)),
    Section("memberships", _memberships, (Membership.community_id,)),
    Section("founded_communities", _founded, (Community.id,)),
    Section("invitations", _invitations, (Invitation.id,)),
    Section("sent_invitations", _sent_invitations, (Invitation.id,)),
    Section("panel_invitations", _panel_invitations, (PanelInvitation.id,)),
    Section("sent_panel_invitations", _sent_panel_invitations, (PanelInvitation.id,)),
    Section("share_links", _shares, (Share.id,)),
    Section("keys", _keys, (ApiKey.id,)),
    Section("webhooks", _webhooks, (Webhook.id,)),
    Section("authenticator_apps", _of(TotpSecret, "began_ms", "confirmed_ms"), (TotpSecret.user_id,)),
    Section("passkeys", _of(Passkey, "id", "name", "created_ms", "used_ms"), (Passkey.id,)),
    Section("logins_with_others", _of(OidcIdentity, "issuer", "subject", "created_ms", "used_ms"), OIDC_KEY),
    Section("used_codes", _of(SpentCode, "step"), (SpentCode.step,)),
    Section("pending_logins", _of(PendingStep, "purpose", "visitor_id", "expires_ms"), (PendingStep.token,)),
    Section("email_links", _of(EmailLink, "purpose", "expires_ms"), (EmailLink.id,)),
    Section("waiting_mails", _mails, (OutboxMail.id,)),
    Section("audit_by_me", _audit_by_me, (AuditLine.id,)),
    Section("audit_about_me", _audit_about_me, (AuditLine.id,)),
    Section("audit_about_membership", _audit_about_membership, (AuditLine.id,)),
    Section("visitors", _of(Visitor, "scope", "visitor_id"), (Visitor.scope, Visitor.visitor_id)),
    Section("conversions", _of(Conversion, "scope", "visitor_id", "at_ms"), (Conversion.id,)),
    Section("presence", _presence, (PersonDay.person_id, PersonDay.day)),
    Section("webhook_events", _webhook_events, (WebhookEvent.id,)),
    Section("visits", _visits, (Visit.id,)),
    Section("events", _events, (Event.id,)),
)
