"""Evidence that a person was there: attended time, inputs, automation, networks and own visits

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
FLAGS = ("acted", "automated", "own")


def upgrade() -> None:
    op.add_column("visits", sa.Column("attended_ms", BIG))
    for name in FLAGS:
        op.add_column("visits", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("visits", sa.Column("network", sa.String(10)))
    op.add_column("insight_sums", sa.Column("attended", BIG))
    op.add_column("insight_sums", sa.Column("attended_ms", BIG))
    op.create_table(
        "attendance",
        sa.Column("visit_id", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("settled_ms", BIG, nullable=False),
        sa.Column("settled_until_ms", BIG, nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("beats", sa.Text(), nullable=False),
    )
    op.create_index("ix_attendance_seq", "attendance", ["seq"])


def downgrade() -> None:
    op.drop_table("attendance")
    for name in ("attended", "attended_ms"):
        op.drop_column("insight_sums", name)
    for name in ("attended_ms", *FLAGS, "network"):
        op.drop_column("visits", name)
