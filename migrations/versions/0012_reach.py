"""Reach: each visit's number within its day, webhook events, communities with a public number, imported sums

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.add_column("visits", sa.Column("day_number", sa.Integer()))
    op.add_column("communities", sa.Column("public_count", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("key", sa.String(140), nullable=False, unique=True),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
    )
    op.create_index("ix_webhook_events_scope", "webhook_events", ["scope", "at_ms"])
    op.create_table(
        "imported_days",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("visits", BIG, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("imported_days")
    op.drop_table("webhook_events")
    op.drop_column("communities", "public_count")
    op.drop_column("visits", "day_number")
