"""Identifies the sender of a request, by tokens and cookies, and checks CSRF tokens."""
