"""Alerts that the server sends by itself: unusual traffic, and Health checks that changed."""
