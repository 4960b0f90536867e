"""Accounts, passwords, login sessions, tokens, and login limits."""
