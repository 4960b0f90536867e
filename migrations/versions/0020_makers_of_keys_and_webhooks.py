"""The users who created keys and webhooks

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("api_keys", "webhooks"):
        op.add_column(table, sa.Column("created_by", sa.String(36)))
    op.execute(
        """UPDATE api_keys SET created_by = (
            SELECT max(a.actor_id) FROM audit_log a JOIN users u ON u.id = a.actor_id
            WHERE a.action = 'key.create' AND a.target_id = api_keys.id
        )"""
    )
    op.execute(
        """UPDATE webhooks SET created_by = (
            SELECT max(a.actor_id) FROM audit_log a JOIN users u ON u.id = a.actor_id
            WHERE a.action = 'webhook.create' AND a.target_id = webhooks.id
        )"""
    )


def downgrade() -> None:
    for table in ("api_keys", "webhooks"):
        op.drop_column(table, "created_by")
