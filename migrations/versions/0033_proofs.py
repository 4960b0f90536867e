"""Proofs of sessions, and accounts created with an invitation

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("proved_ms", sa.BigInteger()))
    for table in ("invitations", "panel_invitations"):
        op.add_column(table, sa.Column("taken_by", sa.String(36)))
