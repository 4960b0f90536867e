"""Integrations connect other programs: API keys let them make calls, and trusted tokens let their users connect. Begin
with `api_keys/api_keys.py`.
"""
