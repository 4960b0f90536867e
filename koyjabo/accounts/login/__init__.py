"""Logging in, signing up and two-step login, for the API and for pages."""
