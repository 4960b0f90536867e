"""The database's own name, and the kinds of adjustments

Revision ID: 0014
Revises: 0013
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identity = op.create_table(
        "database_identity",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger()),
    )
    op.bulk_insert(identity, [{"id": 1, "name": secrets.token_hex(8)}])
    op.add_column("adjustments", sa.Column("kind", sa.String(16), nullable=False, server_default="set"))
    op.add_column("adjustments", sa.Column("epoch_before", sa.BigInteger()))
    op.execute("UPDATE adjustments SET kind = 'start' WHERE reason = 'STARTING_TOTAL' AND after_visit = 0")


def downgrade() -> None:
    op.drop_column("adjustments", "epoch_before")
    op.drop_column("adjustments", "kind")
    op.drop_table("database_identity")
