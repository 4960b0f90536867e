"""Threads, transactions and connections that run the SQL of all other packages."""
