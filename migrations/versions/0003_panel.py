"""Tables and indexes for the admin panel: the audit log, archived communities, the index of a community's visits

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.String(36)


def upgrade() -> None:
    op.add_column("communities", sa.Column("archived_ms", BIG))
    op.create_table(
        "audit_log",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("actor_id", ID),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_kind", sa.String(16), nullable=False),
        sa.Column("target_id", ID, nullable=False),
        sa.Column("target", sa.String(254), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
    )
    op.create_index("ix_audit_log_actor", "audit_log", ["actor_id", "id"])
    op.create_index("ix_audit_log_action", "audit_log", ["action", "id"])

    visits = sa.text("scope <> 'site'")  # the site has too many visits for an index to help
    op.create_index("ix_visits_community", "visits", ["scope", "id"], sqlite_where=visits, postgresql_where=visits)


def downgrade() -> None:
    op.drop_index("ix_visits_community", "visits")
    op.drop_table("audit_log")
    # An archived community has no counter. An older version would mistake it for a community that counts visits.
    archived = "SELECT id FROM communities WHERE archived_ms IS NOT NULL"
    op.execute(f"DELETE FROM memberships WHERE community_id IN ({archived})")
    op.execute("DELETE FROM communities WHERE archived_ms IS NOT NULL")
    op.drop_column("communities", "archived_ms")
