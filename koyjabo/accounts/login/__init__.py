"""Logging in, signing up and second steps, for the API and for pages."""
