"""Columns stores visits and events as columns, records events, and keeps running sums for report queries. Begin with
`query/report_query.py` and `blocks/block.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

TABLES = ("blocks.models",)
UPKEEP = ("upkeep_queries:ColumnRules",)


def register(base: "Base") -> None:
    """Only tables: `reports` still builds the services."""
