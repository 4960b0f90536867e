"""Webhooks (specification: Webhooks). An event is stored in the same transaction as its change. One worker then sends
it to each subscriber, at least once.
"""
