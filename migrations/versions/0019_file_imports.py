"""Files that admins import in the panel

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "file_imports",
        sa.Column("id", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("begun_ms", BIG, nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked", sa.String(16), nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("goal", BIG, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("error", sa.Text()),
    )


def downgrade() -> None:
    op.drop_table("file_imports")
