"""Databases and the servers that they run on: SQLite, PostgreSQL, PgBouncer and Redis."""
