"""Backups: files with the whole database, the stores they are kept in, and nightly backups, which are verified by a
restore and a recount (specification: Backups).
"""
