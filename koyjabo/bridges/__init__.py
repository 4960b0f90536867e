"""Clients that were written for another system, answered in that system's own way. Off by default (docs/bridges.md)."""
