"""Upkeep keeps the data correct, small and safe with recounts, retention and backups, and shows operators the health
of the server. Begin with `recounts/recount_queries.py` and `backups/backups.py`.
"""
