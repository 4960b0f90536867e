"""Threads, transactions and connections, through which all other packages run SQL."""
