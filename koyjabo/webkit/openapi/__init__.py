"""Descriptions of API calls, and the pages generated from them."""
