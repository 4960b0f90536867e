"""Columns stores visits and events as columns, records events, and keeps running sums for report queries. Begin with
`query/report_query.py` and `blocks/blocks.py`.
"""
