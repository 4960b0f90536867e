"""Stores visits and events as columns: packed blocks in the database, and the newest rows in memory."""
