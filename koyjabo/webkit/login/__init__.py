"""Identifies the sender of a request: tokens, cookies, CSRF."""
