"""Threads, transactions and connections that all other packages run their SQL with."""
