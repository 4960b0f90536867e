"""Limits of addresses, visitors and accounts."""
