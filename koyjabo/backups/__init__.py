"""Backups: files with the whole database, where they are kept, and the nightly ones, each restored and recounted before
it counts as a backup (specification: Backups).
"""
