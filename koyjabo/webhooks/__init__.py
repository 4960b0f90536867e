"""Webhooks (specification: Webhooks). An event is stored in the transaction of its change. One worker then sends it to
each subscriber, at least once.
"""
