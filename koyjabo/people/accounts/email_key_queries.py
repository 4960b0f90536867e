"""The keys of stored email addresses (migration 0028, and backups from before it)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from koyjabo.base.core.credential_rules import email_key, written_key
from koyjabo.base.core.domains import ascii_domain

INVITATIONS = {"invitations": "community_id = (SELECT community_id FROM invitations WHERE id = :id)"}
INVITATIONS |= {"panel_invitations": "true"}


def rekey(connection: Connection) -> None:
    """Give users and invitations keys with the domain in ASCII."""
    for user in _not_ascii(connection, "users"):
        if user.email_key != email_key(user.email):
            _rekey_user(connection, user)
    for table, same_place in INVITATIONS.items():
        for invitation in _not_ascii(connection, table):
            _rekey_invitation(connection, table, same_place, invitation)


def _not_ascii(connection: Connection, table: str) -> Any:
    """The rows whose key may change, oldest first."""
    size = "octet_length(email)" if connection.dialect.name == "postgresql" else "length(CAST(email AS BLOB))"
    columns = f"SELECT id, email, email_key FROM {table}"
    return connection.execute(text(f"{columns} WHERE {size} > length(email) ORDER BY created_ms, id")).all()


def _rekey_user(connection: Connection, user: Any) -> None:
    values = {"id": user.id, "new": email_key(user.email), "old": user.email_key, "written": written_key(user.email)}
    key = "CASE WHEN EXISTS (SELECT 1 FROM users WHERE email_key = :new AND id <> :id) THEN :written ELSE :new END"
    connection.execute(text(f"UPDATE users SET email_key = {key} WHERE id = :id"), values)
    if _went_elsewhere(user.email):
        connection.execute(text("UPDATE users SET verified_ms = NULL WHERE id = :id"), values)
        connection.execute(text("DELETE FROM email_links WHERE user_id = :id"), values)
    links = text("UPDATE email_links SET email_key = :new WHERE user_id = :id AND email_key = :old")
    connection.execute(links, values)


def _went_elsewhere(email: str) -> bool:
    """Whether emails to this address went to another domain, by IDNA 2003."""
    domain = email.rpartition("@")[2]
    try:
        return domain.encode("idna").decode().lower() != ascii_domain(domain)
    except ValueError:
        return False


def _rekey_invitation(connection: Connection, table: str, same_place: str, invitation: Any) -> None:
    values = {"id": invitation.id, "new": email_key(invitation.email)}
    others = f"FROM {table} WHERE email_key = :new AND id <> :id AND {same_place}"
    newer = f"AND created_ms > (SELECT created_ms FROM {table} WHERE id = :id)"
    if connection.scalar(text(f"SELECT 1 {others} {newer}"), values):
        connection.execute(text(f"DELETE FROM {table} WHERE id = :id"), values)
    else:
        connection.execute(text(f"DELETE {others}"), values)
        connection.execute(text(f"UPDATE {table} SET email_key = :new WHERE id = :id"), values)
