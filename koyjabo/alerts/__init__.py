"""Alerts about unusual traffic and about Health checks that changed."""
