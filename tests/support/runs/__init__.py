"""Organises a test run: processes, order, shards, budgets, skips."""
