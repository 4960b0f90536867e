"""Computes reports from one snapshot of the database. All sources of figures have the same shape, so each kind of
report is written only once.
"""
