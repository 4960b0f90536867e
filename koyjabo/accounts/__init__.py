"""Accounts, passwords, login sessions, tokens, and the limits of logins."""
