"""Databases and their servers: SQLite, PostgreSQL, PgBouncer and Redis."""
