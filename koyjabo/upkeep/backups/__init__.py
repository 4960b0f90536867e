"""Backups: the file format, the stores that keep the files, and nightly backups, which are verified by restoring and
recounting them (specification: Backups).
"""
