"""Limits of guesses at the passwords of an account."""
