"""Organises a test run: its processes, order, CPU time and skips."""
