"""Keeps visits and events as columns: compressed blocks in the database, and the newest rows in memory."""
