"""Alerts about unusual traffic and changes in Health checks."""
