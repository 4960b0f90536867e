"""Limits on guesses at an account's password."""
