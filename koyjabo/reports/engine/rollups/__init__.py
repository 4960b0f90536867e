"""Answers from sums: `insight_sums` up to the projection's watermark, and newer visits, added up as they are read."""
