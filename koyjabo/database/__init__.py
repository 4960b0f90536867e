"""Threads, transactions and connections for the SQL of all other packages."""
