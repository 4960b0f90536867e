"""Sealed webhook URLs, and how much is waiting for each webhook

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("sealed_url", sa.Text()))
    op.add_column("webhooks", sa.Column("dropped_ms", BIG))
    op.add_column("webhook_deliveries", sa.Column("bytes", sa.Integer()))
    waiting = sa.text("state = 'pending'")
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["state", "webhook_id", "n", "bytes"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    op.drop_index("ix_webhook_deliveries_waiting", "webhook_deliveries")
    op.drop_column("webhook_deliveries", "bytes")
    for column in ("dropped_ms", "sealed_url"):
        op.drop_column("webhooks", column)
