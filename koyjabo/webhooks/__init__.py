"""Webhooks (specification: Webhooks): an event is recorded in the transaction of the change, and one worker sends it
to its subscribers, at least once.
"""
