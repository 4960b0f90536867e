"""Viewers of the panel, and indexes that find everything belonging to an account

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

HAS_USER = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("users", sa.Column("is_viewer", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_visits_user", "visits", ["user_id", "id"], sqlite_where=HAS_USER, postgresql_where=HAS_USER)
    op.create_index("ix_visitors_user", "visitors", ["user_id"], sqlite_where=HAS_USER, postgresql_where=HAS_USER)
    op.create_index("ix_conversions_user", "conversions", ["user_id", "id"])
    op.create_index("ix_audit_log_target", "audit_log", ["target_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_log_target", "audit_log")
    for table in ("conversions", "visitors", "visits"):
        op.drop_index(f"ix_{table}_user", table)
    op.drop_column("users", "is_viewer")
