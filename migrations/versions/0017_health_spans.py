"""Server problems, with their start and end times

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "health_spans",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("begun_ms", BIG, primary_key=True),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("ended_ms", BIG),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("health_spans")
