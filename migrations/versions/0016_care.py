"""Backups, program versions that may use the database, measurements of the promises, and a new site's first steps

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column("id", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("begun_ms", BIG, nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("goal", BIG, nullable=False),
        sa.Column("bytes", BIG),
        sa.Column("made_ms", BIG),
        sa.Column("epoch", BIG),
        sa.Column("total", BIG),
        sa.Column("restored_total", BIG),
        sa.Column("proven_ms", BIG),
        sa.Column("error", sa.Text()),
        sa.Column("failures_before", BIG, nullable=False, server_default="0"),
    )
    op.create_table(
        "starting_steps",
        sa.Column("step", sa.String(16), primary_key=True),
        sa.Column("done_ms", BIG),
        sa.Column("skipped_ms", BIG),
        sa.Column("host", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.add_column(
        "database_identity", sa.Column("compatible_from", sa.String(32), nullable=False, server_default="0016")
    )
    op.create_table(
        "measurements",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("since_ms", BIG, nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measured_minutes",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("minute_ms", BIG, primary_key=True),
        sa.Column("bucket", sa.Integer(), primary_key=True),
        sa.Column("amount", BIG, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_column("database_identity", "compatible_from")
    op.drop_table("measured_minutes")
    op.drop_table("measurements")
    op.drop_table("starting_steps")
    op.drop_table("backups")
