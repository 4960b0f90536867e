"""Computes reports: one snapshot of the database, sources with the same shape, and each kind of report built on them
once.
"""
