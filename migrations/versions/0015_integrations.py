"""API keys, people from other systems, logins with OpenID providers, and webhooks

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.add_column("users", sa.Column("traffic_alerts", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("external_ref", sa.String(128)))
    op.add_column("users", sa.Column("external_issuer", sa.String(200)))
    op.create_index("uq_users_external", "users", ["external_ref", "external_issuer"], unique=True)
    wanting = {"sqlite_where": sa.text("traffic_alerts = 1"), "postgresql_where": sa.text("traffic_alerts")}
    op.create_index("ix_users_traffic_alerts", "users", ["id"], **wanting)
    op.add_column("communities", sa.Column("ref", sa.String(128)))
    op.create_index("uq_communities_ref", "communities", ["ref"], unique=True)
    op.add_column("webhook_events", sa.Column("dispatched_ms", BIG))
    op.execute("UPDATE webhook_events SET dispatched_ms = at_ms")
    op.create_index("ix_webhook_events_dispatched", "webhook_events", ["dispatched_ms", "at_ms"])
    _create_keys()
    _create_webhooks()


def _create_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(36), sa.ForeignKey("communities.id", ondelete="CASCADE"), index=True),
        sa.Column("prefix", sa.String(11), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("old_digest", sa.String(64), unique=True),
        sa.Column("old_until_ms", BIG),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG),
        sa.Column("revoked_ms", BIG),
        sa.Column("last_used_ms", BIG),
    )
    op.create_table(
        "oidc_identities",
        sa.Column("issuer", sa.String(200), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("used_ms", BIG),
        sqlite_with_rowid=False,
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(36), sa.ForeignKey("communities.id", ondelete="CASCADE"), index=True),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        sa.Column("old_until_ms", BIG),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(64)),
        sa.Column("failing_since_ms", BIG),
        sa.Column("last_status", sa.String(64)),
        sa.Column("last_ms", BIG),
        sa.Column("created_ms", BIG, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("n", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("webhook_id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.String(64)),
        sa.Column("next_ms", BIG, nullable=False),
        sa.Column("done_ms", BIG),
        sa.Column("log", sa.Text(), nullable=False),
    )
    one = ["webhook_id", "event_id"]
    op.create_index("uq_webhook_deliveries_event", "webhook_deliveries", one, unique=True)
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "webhook_id", "next_ms"])
    op.create_index("ix_webhook_deliveries_page", "webhook_deliveries", ["webhook_id", "n"])
    op.create_index("ix_webhook_deliveries_done", "webhook_deliveries", ["done_ms"])


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    op.drop_table("oidc_identities")
    op.drop_table("api_keys")
    op.drop_index("ix_webhook_events_dispatched", "webhook_events")
    op.drop_column("webhook_events", "dispatched_ms")
    op.drop_index("uq_communities_ref", "communities")
    op.drop_column("communities", "ref")
    op.drop_index("ix_users_traffic_alerts", "users")
    op.drop_index("uq_users_external", "users")
    op.drop_column("users", "external_issuer")
    op.drop_column("users", "external_ref")
    op.drop_column("users", "traffic_alerts")
