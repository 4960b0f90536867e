"""Columns of reduced visits, and the secrets of their ids

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (sa.Column("visitor_number", sa.BigInteger()), sa.Column("new_in", sa.Integer())):
        op.add_column("visits", column)
    op.add_column("conversions", sa.Column("first_visit", sa.BigInteger()))
    op.create_table(
        "month_secrets",
        sa.Column("month", sa.String(10), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month"),
        sqlite_with_rowid=False,
    )
    # An older version would count the visitors of reduced visits as missing.
    op.execute("UPDATE database_identity SET compatible_from = '0035'")
