"""Backups: the file format, the folder that keeps the files, and nightly backups, which are verified by restoring and
recounting them (specification: Backups).
"""
