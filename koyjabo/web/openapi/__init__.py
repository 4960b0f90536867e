"""Descriptions of API calls, and pages generated from them."""
