"""Webhooks (specification: Webhooks): an event is recorded in the transaction of the change, and a single worker sends
it to its subscribers, at least once.
"""
