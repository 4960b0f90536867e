"""Counting registers visits: the ledger numbers and commits them, the live stats follow, and `evidence` records
whether a person was there. Begin with `visits.py`, before you read any other area.
"""
