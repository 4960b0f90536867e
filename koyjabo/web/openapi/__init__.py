"""Descriptions of API calls, and `/openapi.json`, which is generated from them."""
