"""Webhooks (specification: Webhooks): what happens is recorded as an event, in the transaction that makes it true, and
one worker tells it to the addresses that want it, at least once.
"""
