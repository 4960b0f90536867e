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
    # Values for days that are already rolled up: crawlers are automated, and other visits were not measured.
    op.execute(
        "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors) "
        "SELECT scope, 'attended', period, '~', visits, new_visitors, 0, visitors "
        "FROM insight_sums WHERE dimension = 'total' AND people IS NULL ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors) "
        "SELECT scope, 'network', period, '~', visits, new_visitors, 0, visitors "
        "FROM insight_sums WHERE dimension = 'total' AND people IS NULL ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors) "
        "SELECT scope, 'own', period, 'others', visits, new_visitors, 0, visitors "
        "FROM insight_sums WHERE dimension = 'total' AND people IS NULL ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors) "
        "SELECT scope, 'evidence', period, 'automated', visits, new_visitors, 0, visitors "
        "FROM insight_sums WHERE dimension = 'device' AND value = 'bot' AND people IS NULL ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors) "
        "SELECT t.scope, 'evidence', t.period, '~', t.visits - coalesce(b.visits, 0), "
        "t.new_visitors - coalesce(b.new_visitors, 0), 0, CASE WHEN b.visits IS NULL THEN t.visitors END "
        "FROM insight_sums t LEFT JOIN insight_sums b "
        "ON b.scope = t.scope AND b.period = t.period AND b.dimension = 'device' AND b.value = 'bot' "
        "WHERE t.dimension = 'total' AND t.people IS NULL AND t.visits > coalesce(b.visits, 0) "
        "ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    op.execute("DELETE FROM insight_sums WHERE dimension IN ('attended', 'evidence', 'network', 'own')")
    op.drop_table("attendance")
    for name in ("attended", "attended_ms"):
        op.drop_column("insight_sums", name)
    for name in ("attended_ms", *FLAGS, "network"):
        op.drop_column("visits", name)
