"""Descriptions of API calls, and the pages made of them."""
