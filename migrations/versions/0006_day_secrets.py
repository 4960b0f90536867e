"""Daily secrets for the hashes of anonymous visitors

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_secrets",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("day_secrets")
