"""Hashes of passwords, and the queue that makes them."""
