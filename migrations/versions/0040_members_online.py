"""Communities whose members see who is online, and people who appear offline

Revision ID: 0040
Revises: 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

FLAGS = (("communities", "members_see_online"), ("users", "appear_offline"), ("memberships", "is_notice_due"))


def upgrade() -> None:
    for table, name in FLAGS:
        op.add_column(table, sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("access_version", sa.Column("people", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
