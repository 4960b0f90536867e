"""Compatibility with clients of other systems. Off by default (docs/bridges.md)."""
