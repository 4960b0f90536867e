"""Drop tables of features that are gone

Revision ID: 0034
Revises: 0033
"""

import json
import logging

import sqlalchemy as sa
from alembic import op

from koyjabo.base.core.errors import UnusableDatabase

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

log = logging.getLogger("koyjabo.migrations")

NEVER_RELEASED = ("addresses", "traits", "visit_facts", "visitor_numbers")
OF_IMPORTS = ("imported_days", "imported_visits", "file_imports")
OF_WEBHOOKS = ("webhooks", "webhook_deliveries")
OF_LOGINS = ("oidc_identities", "passkeys")
OF_REPORTS = ("annotations",)
DIMENSIONS = {"referrer", "language", "visitor_kind", "network"}
ATTENDED = {"none", "!none", "", "!"}
OF_BACKUPS = ("backups",)
OF_ROLLED_UP_DAYS = ("folded_visits", "insight_sums", "event_sums")
REFUSED = (
    "This database has visits that were imported from another program, and this version cannot read them. Nothing was "
    "changed. Keep it with the version that made it, or start a new database with STARTING_TOTAL set to its total."
)

ROLLED_UP = sa.text("""
SELECT (SELECT count(*) FROM folded_visits) + (SELECT count(*) FROM insight_sums WHERE people IS NULL)
     + (SELECT count(*) FROM nightly_work WHERE name IN ('folded', 'folding'))
""")
REFUSED_ROLLED_UP = (
    "This database has days that were rolled up into sums after RETENTION_DAYS, and this version cannot read them. "
    "Nothing was changed. Keep it with the version that made it, or start a new database with STARTING_TOTAL set to "
    "its total."
)


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("imported_days", "imported_visits"):
        if connection.scalar(sa.text(f"SELECT count(*) FROM {table}")):
            raise UnusableDatabase(REFUSED)
    if connection.scalar(ROLLED_UP):
        raise UnusableDatabase(REFUSED_ROLLED_UP)
    remove_webhooks(connection)
    remove_login_with_others(connection)
    remove_passkeys(connection)
    remove_dimensions(connection)
    existing = set(sa.inspect(connection).get_table_names())
    of_features = (*OF_IMPORTS, *OF_WEBHOOKS, *OF_LOGINS, *OF_REPORTS, *OF_BACKUPS, *OF_ROLLED_UP_DAYS)
    for table in (*NEVER_RELEASED, *of_features):
        if table in existing:
            note_rows(table, connection.scalar(sa.text(f"SELECT count(*) FROM {table}")))
            op.drop_table(table)
    op.execute("DELETE FROM stored_settings WHERE name = 'BACKUP_TO'")
    op.execute("UPDATE database_identity SET compatible_from = '0034'")


def note_rows(name: str, rows: int | None) -> None:
    if rows:
        log.warning("removed_rows name=%s rows=%d", name, rows)


def remove_login_with_others(connection: sa.Connection) -> None:
    """Log how many accounts can now be opened only after a password reset. Only these have an email and no password."""
    rows = connection.scalar(sa.text("SELECT count(*) FROM users WHERE password LIKE '!%' AND email <> ''"))
    if rows:
        log.warning("accounts_without_password rows=%d", rows)
    op.execute("DELETE FROM stored_settings WHERE name = 'OIDC_SIGNUP'")


def remove_passkeys(connection: sa.Connection) -> None:
    """Log how many accounts now need a recovery code, or an admin, to log in. Logins under way have to start again."""
    without_app = (
        "SELECT count(*) FROM users WHERE second_factor_ms IS NOT NULL "
        "AND id NOT IN (SELECT user_id FROM totp_secrets WHERE confirmed_ms IS NOT NULL)"
    )
    if rows := connection.scalar(sa.text(without_app)):
        log.warning("accounts_without_app rows=%d", rows)
    op.drop_table("pending_steps")
    op.create_table(
        "pending_steps",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("password_mark", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128)),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pending_steps_expires_ms", "pending_steps", ["expires_ms"])
    op.create_index("ix_pending_steps_user_id", "pending_steps", ["user_id"])


def remove_dimensions(connection: sa.Connection) -> None:
    """Revoke share links that filter by a removed dimension or by a length of visits: without this filter they would
    show more. Blocks have columns of removed dimensions, so they are removed and stored again.
    """
    revoked = []
    for share_id, text in connection.execute(sa.text("SELECT id, filters FROM shares")).all():
        filters = json.loads(text)
        if not DIMENSIONS.isdisjoint(filters) or not ATTENDED.issuperset(filters.get("attended", ())):
            revoked.append({"id": share_id})
    if revoked:
        connection.execute(sa.text("DELETE FROM shares WHERE id = :id"), revoked)
    note_rows("shares", len(revoked))
    op.execute("DELETE FROM visit_blocks")
    op.execute("DELETE FROM watermarks WHERE name = 'blocks'")


def remove_webhooks(connection: sa.Connection) -> None:
    """Keep milestones in `announcements`, and remove what alerts and webhooks left in other tables."""
    op.create_table(
        "announcements",
        sa.Column("key", sa.String(140), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_announcements_scope", "announcements", ["scope", "at_ms"])
    op.execute(
        "INSERT INTO announcements (key, type, scope, at_ms, data) SELECT key, type, scope, at_ms, data "
        "FROM webhook_events WHERE type = 'milestone.reached'"
    )
    op.drop_table("webhook_events")
    op.drop_index("ix_users_traffic_alerts", "users")
    op.drop_column("users", "traffic_alerts")
    op.execute("DELETE FROM nightly_work WHERE name IN ('webhooks', 'alerts')")
    op.execute("DELETE FROM outbox WHERE kind IN ('webhook', 'traffic')")
    remove_scope(connection)


def remove_scope(connection: sa.Connection) -> None:
    """Take `webhooks:manage` from keys. A key that had no other scope is deleted."""
    for key_id, text in connection.execute(sa.text("SELECT id, scopes FROM api_keys")).all():
        scopes = [scope for scope in text.split() if scope != "webhooks:manage"]
        if not scopes:
            note_rows("api_keys", 1)
            connection.execute(sa.text("DELETE FROM api_keys WHERE id = :id"), {"id": key_id})
        elif len(scopes) < len(text.split()):
            values = {"id": key_id, "scopes": " ".join(scopes)}
            connection.execute(sa.text("UPDATE api_keys SET scopes = :scopes WHERE id = :id"), values)
