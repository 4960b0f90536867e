"""Keeps running sums for report queries, up to date with the rows."""
