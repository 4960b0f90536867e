"""Requests, responses and their headers."""
