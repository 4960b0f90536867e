"""Servers under test, other versions of them, their databases, and the databases' contents."""
