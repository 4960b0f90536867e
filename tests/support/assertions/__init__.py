"""Assertions about ledgers, responses and pages, for all tests."""
