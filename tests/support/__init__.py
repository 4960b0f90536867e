"""Helpers for the tests: real servers, real databases, and many simultaneous clients."""
