"""Limits on addresses, visitors and accounts."""
