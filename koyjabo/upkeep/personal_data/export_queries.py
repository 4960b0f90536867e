"""Reads the sections of an export in pieces: everything stored about an account, except secrets (password hashes,
codes, keys) and details of other people that the account may not see.

Only visits made while logged in are included. Visits from before a visitor was identified as the user are left out,
because anyone who knows a visitorId can sign up with it (docs/personal-data.md).
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.clock import iso
from koyjabo.base.core.identity import site_role
from koyjabo.base.core.link_tokens import INVITATION, PANEL_INVITATION
from koyjabo.base.models import (
    SITE,
    ApiKey,
    AuditLine,
    Community,
    Conversion,
    EmailLink,
    Event,
    Invitation,
    LoginSession,
    Membership,
    OutboxMail,
    PanelInvitation,
    PendingStep,
    Person,
    PersonDay,
    RecoveryCode,
    Share,
    SpentCode,
    TotpSecret,
    User,
    Visit,
    Visitor,
)
from koyjabo.counting.daily_people import hours_of, user


class DataSubject(NamedTuple):
    """The account to export."""

    user_id: str
    email: str
    email_key: str
    is_verified: bool
    scopes: tuple[str, ...]  # the communities where the user was present


class Section(NamedTuple):
    """The rows of `select`, in the order of the primary key of `table`."""

    name: str
    table: Any
    select: Callable[[DataSubject], Select[*tuple[Any, ...]]]


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
    columns = (PanelInvitation.role, PanelInvitation.created_ms, PanelInvitation.expires_ms)
    query = select(User.name.label("invited_by"), *columns).join(User, User.id == PanelInvitation.invited_by)
    return query.where(PanelInvitation.email_key == owner.email_key if owner.is_verified else false())


def _of(owner_id: Any, *columns: str) -> Callable[[DataSubject], Select[*tuple[Any, ...]]]:
    """Select columns of the rows whose column `owner_id` is the account's id."""
    selected = [getattr(owner_id.class_, name) for name in columns]
    return lambda owner: select(*selected).where(owner_id == owner.user_id)


def _columns(table: Any, *left_out: str) -> tuple[str, ...]:
    """The names of all columns of a table except `left_out`, which contain nothing about the owner."""
    return tuple(column.name for column in table.__table__.columns if column.name not in left_out)


def _memberships(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Membership.community_id, Community.name, Membership.role, Membership.joined_ms)
    joined = select(*columns).join(Community, Community.id == Membership.community_id)
    return joined.where(Membership.user_id == owner.user_id)


def _presence(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    columns = (Person.scope, PersonDay.day, PersonDay.began_s, PersonDay.slots)
    joined = select(*columns).join(Person, Person.id == PersonDay.person_id)
    return joined.where(Person.scope.in_(owner.scopes), Person.person == user(owner.user_id))


def _audit(*names: str) -> Select[*tuple[Any, ...]]:
    return select(AuditLine.at_ms, AuditLine.action, *(getattr(AuditLine, name) for name in names), AuditLine.details)


def _audit_about_me(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    is_others = AuditLine.actor_id.is_distinct_from(owner.user_id)
    return _audit().where(AuditLine.target_id == owner.user_id, AuditLine.target_kind == "user", is_others)


def _events(owner: DataSubject) -> Select[*tuple[Any, ...]]:
    """Events that belong to the account's visits."""
    columns = [getattr(Event, name) for name in _columns(Event, "id", "visit_id", "scope", "day", "hour_s")]
    return select(*columns).join(Visit, Visit.id == Event.visit_id).where(Visit.user_id == owner.user_id)


FOUNDED = ("id", "name", "name_bn", "created_ms", "archived_ms")
OFFER = ("email", "role", "created_ms", "expires_ms")
SHARE = ("id", "name", "filters", "range", "created_ms", "expires_ms", "used_ms")
KEY = ("id", "name", "scopes", "community_id", "created_ms", "revoked_ms")
WAITING_MAIL = (OutboxMail.kind, OutboxMail.created_ms, OutboxMail.due_ms)
VISIT = _columns(Visit, "id", "day", "hour_s", "is_bot", "user_id")
AUDIT = ("at_ms", "action", "target_kind", "target_id", "target", "place", "details")
SESSION = ("id", "created_ms", "renewed_ms", "expires_ms", "revoked_ms", "user_agent", "place")

SECTIONS = (
    Section("sessions", LoginSession, _of(LoginSession.user_id, *SESSION)),
    Section("memberships", Membership, _memberships),
    Section("founded_communities", Community, _of(Community.founder_id, *FOUNDED)),
    Section("invitations", Invitation, _invitations),
    Section("sent_invitations", Invitation, _of(Invitation.invited_by, "community_id", *OFFER)),
    Section("panel_invitations", PanelInvitation, _panel_invitations),
    Section("sent_panel_invitations", PanelInvitation, _of(PanelInvitation.invited_by, *OFFER)),
    Section("share_links", Share, _of(Share.created_by, *SHARE)),
    Section("keys", ApiKey, _of(ApiKey.created_by, *KEY)),
    Section("authenticator_apps", TotpSecret, _of(TotpSecret.user_id, "began_ms", "confirmed_ms")),
    Section("used_codes", SpentCode, _of(SpentCode.user_id, "step")),
    Section("pending_logins", PendingStep, _of(PendingStep.user_id, "purpose", "visitor_id", "expires_ms")),
    Section("email_links", EmailLink, _of(EmailLink.user_id, "purpose", "expires_ms")),
    Section("waiting_mails", OutboxMail, lambda owner: select(*WAITING_MAIL).where(waiting_mails(owner.email))),
    Section("audit_by_me", AuditLine, _of(AuditLine.actor_id, *AUDIT)),
    Section("audit_about_me", AuditLine, _audit_about_me),
    Section(
        "audit_about_membership",
        AuditLine,
        lambda owner: _audit("target_id", "target").where(about_member(owner.user_id)),
    ),
    Section("visitors", Visitor, _of(Visitor.user_id, "scope", "visitor_id")),
    Section("conversions", Conversion, _of(Conversion.user_id, "scope", "visitor_id", "at_ms")),
    Section("presence", PersonDay, _presence),
    Section("visits", Visit, _of(Visit.user_id, *VISIT)),
    Section("events", Event, _events),
)


Row = dict[str, Any]

# The index on people begins with the scope, so this takes one lookup per scope that ever had people. A subquery always
# uses the index; for a join, PostgreSQL may read the whole table.
SCOPES = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM people
    UNION ALL SELECT (SELECT min(p.scope) FROM people p WHERE p.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT (SELECT p.scope FROM people p WHERE p.scope = s.scope AND p.person = :person) FROM s
""")

SHOWN = ("id", "email", "name", "created_ms", "disabled_ms", "second_factor_ms", "verified_ms", "language")


def account(session: Session, user_id: str) -> tuple[DataSubject, Row] | None:
    """The account itself; None if it was deleted."""
    user = session.get(User, user_id)
    if user is None:
        return None
    codes = session.scalar(select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id))
    values = {name: getattr(user, name) for name in SHOWN}
    values |= {"role": site_role(user.is_admin, user.is_viewer), "weekly_report": user.weekly_report}
    owner = DataSubject(user.id, user.email, user.email_key, user.verified_ms is not None, scopes_of(session, user_id))
    return owner, _as_shown(values | {"unused_recovery_codes": codes})


def scopes_of(session: Session, user_id: str) -> tuple[str, ...]:
    """The communities that a user has been in, including deleted ones."""
    return tuple(scope for scope in session.scalars(SCOPES, {"person": user(user_id)}) if scope is not None)


def piece(
    session: Session, section: Section, owner: DataSubject, after: Sequence[Any] | None, size: int
) -> tuple[list[Row], Sequence[Any] | None]:
    """The next `size` rows of a section, after the key `after`, and the key of the last one, or None if there are no
    more.
    """
    query, key = section.select(owner), tuple(section.table.__table__.primary_key)
    names = query.selected_columns.keys()
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after) if len(key) > 1 else key[0] > after[0])
    rows = session.execute(query.add_columns(*key).order_by(*key).limit(size)).all()
    shown = [_as_shown(dict(zip(names, row, strict=False))) for row in rows]
    return shown, tuple(rows[-1][len(names) :]) if len(rows) == size else None


def _as_shown(row: Row) -> Row:
    """A row as the API returns it: with times in ISO 8601, and instead of the scope a community's id, or null for the
    site.
    """
    shown: Row = {}
    for name, value in row.items():
        if name.endswith("_ms"):
            shown[name.removesuffix("_ms") + "_at" if name != "at_ms" else "at"] = None if value is None else iso(value)
        elif name == "scope":
            shown["community_id"] = None if value == SITE else value
        elif name == "slots":
            shown["hours"] = [iso(hour_s * 1000) for hour_s in hours_of(row["began_s"], value)]
        elif name in ("details", "props"):
            shown[name] = json.loads(value or "{}")
        elif name != "began_s":
            shown[name] = value
    return shown
