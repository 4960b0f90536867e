"""Threads, transactions and connections: how every other package reads and writes SQL."""
