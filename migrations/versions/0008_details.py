"""Who founded a community, and whether it counts anonymous visits although it is not open

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KNOWN_FOUNDERS = """
UPDATE communities SET founder_id = (
    SELECT max(a.actor_id) FROM audit_log a JOIN users u ON u.id = a.actor_id
    WHERE a.action = 'community.create' AND a.target_id = communities.id
)
"""
INDEX = "ix_communities_founder_id"


def upgrade() -> None:
    op.add_column("communities", sa.Column("count_anonymous", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("communities", sa.Column("founder_id", sa.String(36)))
    op.create_index(INDEX, "communities", ["founder_id"])
    op.execute(KNOWN_FOUNDERS)


def downgrade() -> None:
    op.drop_index(INDEX, "communities")
    op.drop_column("communities", "founder_id")
    op.drop_column("communities", "count_anonymous")
