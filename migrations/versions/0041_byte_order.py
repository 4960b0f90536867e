"""Texts that compare by their bytes on PostgreSQL

`koyjabo.base.database.byte_order_postgres` changes the tables: each one before the migrations, and what is new after
them. A database with this revision has been changed.

Revision ID: 0041
Revises: 0040
"""

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing else has to be changed."""
